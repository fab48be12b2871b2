"""Trackers, one module each, available as `--tracker NAME`."""
