"""Memory strategies, one module each."""
