"""Network blocks named after the papers they come from."""
