"""Which data? Getting, checking, splitting and making it."""
