"""The commands: run, demo, replay, check, topics, status, sources, advance, tail."""
