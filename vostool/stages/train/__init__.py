"""Which network? Training it, as a recipe says."""
