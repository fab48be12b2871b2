"""Painting masks by hand: a page in the user's browser, served on this machine alone."""
