"""Exact counting: blocks, the intake step, held tables, the join step, flushes, audit. Pure folds over records."""
