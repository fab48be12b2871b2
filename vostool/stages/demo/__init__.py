"""All of it on a generated data set."""
