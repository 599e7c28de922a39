"""What the counts say: confusion tables, windows, measures and their intervals. Pure."""
