"""Public archives of data sets: where they are, resumable fetching, safe extraction."""
