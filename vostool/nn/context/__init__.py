"""Context over a whole feature map: object context (OCNet), feature pyramid attention (PAN)."""
