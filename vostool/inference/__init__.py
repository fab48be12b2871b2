"""Propagation, memory strategies, views and frame-synchronous ensembling."""
