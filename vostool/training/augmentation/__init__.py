"""Random changes of a clip's frames: motion, colour, crop."""
