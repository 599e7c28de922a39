"""How good a team's classifiers really are: exact, windowed, revised counts from two Kafka logs."""

__version__ = "0.1.0"
