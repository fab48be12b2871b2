"""Contexts: what is added on top of a trunk, before keys and values are made."""
