"""Run it: networks over videos, and what is done with their predictions."""
