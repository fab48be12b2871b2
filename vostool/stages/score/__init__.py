"""How good? Scores, reports, pictures."""
