"""Error budgets by class: is a class missing more than its target allows, and since when is that not chance?"""
