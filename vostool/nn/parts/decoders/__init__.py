"""Decoders: from the mixed features and skips to logits at full size."""
