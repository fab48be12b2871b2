"""Types, errors, registry, file and console helpers; imports nothing else of vostool."""
