"""Networks that find objects without following them, one module each; recipes name them.

A module has `Config` (a pydantic model) and `build(config)`, which gives a network whose
`forward(clip)` is a `Prediction` without probabilities: its extras are for losses. They are no
segmenters: `vostool train` trains them, and a source of proposals reads their checkpoints.
"""
