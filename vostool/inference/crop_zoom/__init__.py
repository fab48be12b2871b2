"""Crop-then-zoom (FAMNet, section 2.2): small objects once more, in an enlarged window.

A preliminary pass over the whole video and a tracker decide which objects are small throughout and
surely followed; the same networks then see each of them enlarged, and what they find replaces the
preliminary probabilities.
"""
