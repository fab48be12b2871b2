"""Mixers: read-out and query value become what the decoder starts from."""
