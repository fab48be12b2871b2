"""Combining predictions: mean, weighted, vote."""
