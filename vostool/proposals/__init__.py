"""Sources of object proposals, one module each, available as `--set proposals.source=NAME`.

A module has `FILES` (what files it takes, in order, for messages) and
`open_source(files, device) -> ProposalSource`.
"""
