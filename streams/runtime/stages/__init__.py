"""The three stages at work: the pure folds between a source and a producer."""
