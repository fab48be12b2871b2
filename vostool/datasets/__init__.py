"""Video data sets, one module each (a SPEC); still-image sources in datasets.stills."""
