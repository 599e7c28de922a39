"""Who is told: rules, verdicts, the state machine, budgets, gates. Pure."""
