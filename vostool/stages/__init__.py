"""What each command does, as one function with typed arguments."""
