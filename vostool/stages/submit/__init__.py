"""Hand it in: archives that a server accepts."""
