"""CFBI's instance-level part: every instance, the background included, is one row of a batch."""
