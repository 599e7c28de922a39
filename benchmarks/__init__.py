"""How fast, how heavy, how soon: figures anyone can repeat with `make bench`; docs/performance.md has the tables."""
