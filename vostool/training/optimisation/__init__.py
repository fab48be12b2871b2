"""The optimiser and its learning rate."""
