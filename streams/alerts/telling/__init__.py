"""What people are told of alerts: a fold over the rows of alerts, whose only clock is an argument."""
