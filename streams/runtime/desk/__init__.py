"""What operators ask of a running job, and what they say to it: mutes, rules, budgets; by command and over the web."""
