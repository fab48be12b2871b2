"""Packaging and checking of submission archives."""
