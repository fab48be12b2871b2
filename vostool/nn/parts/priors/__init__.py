"""Priors: the previous frame's mask narrows down where an object may be."""
