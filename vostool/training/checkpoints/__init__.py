"""What a training writes and takes up again."""
