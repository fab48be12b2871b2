"""One module per way of merging members; `ensembling/method.py` says what a module has."""
