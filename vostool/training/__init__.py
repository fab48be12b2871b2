"""Clips, synthesis, losses, schedule and the training loop."""
