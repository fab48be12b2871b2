"""The prediction folder: masks, quantised probabilities, manifest."""
