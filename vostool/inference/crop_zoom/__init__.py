"""Crop-then-zoom (FAMNet, section 2.2): small objects once more, in an enlarged window.

A preliminary pass over the whole video and a tracker decide which objects are small throughout and
surely followed; the same networks then see each of them enlarged, and what they find replaces the
preliminary probabilities.
"""

from vostool.inference.crop_zoom.eligibility import Rule, Verdict
from vostool.inference.crop_zoom.options import CropZoomOptions, choose_zoom, parse_zoom
from vostool.inference.crop_zoom.run import run_with_crop_zoom

__all__ = ["CropZoomOptions", "Rule", "Verdict", "choose_zoom", "parse_zoom", "run_with_crop_zoom"]
