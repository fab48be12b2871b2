"""Merging what several members say: the protocol, methods, and whether members agree."""
