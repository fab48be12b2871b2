"""J, F, decay, recall, seen/unseen, tables."""
