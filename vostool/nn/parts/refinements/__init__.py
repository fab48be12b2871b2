"""Refinements: improve each object's logits before objects compete."""
