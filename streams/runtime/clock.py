"""What time is it? The only clock of the product; every other room takes time as an argument."""

import time


def wall_ms() -> int:
    """Wall-clock time, ms since 1970 in UTC. It may jump; use it only for what people and logs see as time."""
    return time.time_ns() // 1_000_000


def monotonic_s() -> float:
    """Seconds that never go back, from an unspecified origin: for durations, deadlines and heartbeats."""
    return time.monotonic()
