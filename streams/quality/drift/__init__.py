"""Has a model changed? References to compare with, and tests that find real changes and hold their tongue otherwise."""
