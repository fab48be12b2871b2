"""Images, masks, movies: reading, writing, and geometry with exact inverses."""
