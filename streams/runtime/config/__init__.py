"""One TOML file and the environment for secrets: read once, checked as a whole, turned into the rooms' specs."""
