"""Networks: one module per system, with `Config` and `build(config)`."""
