"""What counts say: every number of a row that is a function of the counts of one window."""
