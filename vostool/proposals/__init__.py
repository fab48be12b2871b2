"""Object proposals for a frame."""
