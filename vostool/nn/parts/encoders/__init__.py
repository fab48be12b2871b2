"""Encoders: images to keys and values, without and with masks, and to skip features."""
