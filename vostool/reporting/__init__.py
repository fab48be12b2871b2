"""Overlays, plots and HTML pages."""
