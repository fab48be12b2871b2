"""Post-processing steps: one pure function per module."""
