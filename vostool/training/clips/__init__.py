"""Clips of videos: which frames, which objects, how they reach the network."""
