"""Thresholds on a number of a window, with hysteresis on the bounds of its interval."""
