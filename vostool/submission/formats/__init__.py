"""Kinds of archives: one module each, found by its name. Each has a value `FORMAT`."""
