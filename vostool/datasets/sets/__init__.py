"""Video data sets: one module = one SPEC."""
