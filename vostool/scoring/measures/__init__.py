"""Measures: one module each, found by its name. Each has a value `MEASURE`."""
