"""Which moment does a person mean? RFC 3339 with a zone, and nothing that could mean several moments."""

from datetime import UTC, datetime, timedelta

import typer

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_moment(text: str) -> int:
    """A time in ms since 1970. Raises `typer.BadParameter` for anything without a date, a time and a zone.

    >>> parse_moment("1970-01-01T01:00:00.5+01:00")
    500
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time. Write one such as 2026-01-31T00:00:00Z.") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no zone, so it could mean many moments. Add Z or an offset.")
    return (moment - _EPOCH) // timedelta(milliseconds=1)
