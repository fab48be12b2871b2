"""Which settings? Checkpoints, options and parts chosen on held-out videos."""
