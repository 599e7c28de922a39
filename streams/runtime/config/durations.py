"""How long is "5m"? Durations of the configuration: a whole number and one unit, in ms."""

import re

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
"""The units a duration can have, and their length in ms. Weeks and months are left out: write days."""

_DURATION = re.compile(r"([0-9]{1,15})(ms|s|m|h|d)")


def parse_duration(text: str) -> int:
    """The length of a duration in ms.

    >>> parse_duration("5m"), parse_duration("500ms")
    (300000, 500)

    Raises:
        ValueError: The text is not a whole number and a unit.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write a whole number and ms, s, m, h or d, as in '5m'")
    return int(match[1]) * UNITS_MS[match[2]]


def format_duration(duration_ms: int) -> str:
    """A length in ms the way a person writes it, in the largest unit that divides it.

    >>> format_duration(90_000), format_duration(3_600_000), format_duration(0)
    ('90s', '1h', '0s')
    """
    if duration_ms == 0:
        return "0s"
    unit = max((u for u, length in UNITS_MS.items() if duration_ms % length == 0), key=UNITS_MS.__getitem__)
    return f"{duration_ms // UNITS_MS[unit]}{unit}"
