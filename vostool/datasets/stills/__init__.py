"""Sources of still images with masks, one module each (a SPEC)."""
