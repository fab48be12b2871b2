"""Parts of which space-time memory networks are composed: a folder per kind, a module per part.

A part's module has `Config` (its options) and `build(config, ...) -> nn.Module`; `part_choice` says
what each kind is given, `part_protocols` what it must be able to do.
"""
