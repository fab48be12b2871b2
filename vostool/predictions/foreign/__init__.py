"""Masks as other tools write them: what lies where, and what its values mean."""
