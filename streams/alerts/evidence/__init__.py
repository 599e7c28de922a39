"""Counts as they were known when each step settled, pooled over any window of whole steps."""
