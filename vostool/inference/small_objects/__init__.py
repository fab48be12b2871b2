"""CAMN's small objects (arXiv 2205.08075, section 2.4): cropped and segmented again, finer.

The paper says that areas of the first pass decide and that original frames are cropped; the numbers
and the rules for accepting a frame are this project's.
"""
