"""vostool: take part in semi-supervised video object segmentation challenges."""

__version__ = "0.1.0"
