"""Memory strategies, one module each, available as `--memory NAME[:ARGUMENTS]`."""
