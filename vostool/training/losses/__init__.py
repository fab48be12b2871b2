"""Losses: one module each, with `Options` and `loss(prediction, clip, options, moment)`."""
