"""The training loop, alone or in several processes."""
