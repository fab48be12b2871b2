"""Filters over the masks of one video, one module per step; the folder is the registry.

A step is a module with `Params` (a frozen pydantic model: defaults, ranges and units) and
`apply(sequence: MaskSequence, params: Params) -> MaskSequence`, which leaves its input as it is.
"""
