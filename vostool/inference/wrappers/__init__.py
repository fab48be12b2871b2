"""What runs can be put into; see `inference.wrapper`."""
