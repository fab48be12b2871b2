"""Memories: how a query reads what is memorised."""
