"""Clips made of still images."""
