"""Matching of pixel embeddings with reference frames and with the previous frame (CFBI, CFBI+)."""
