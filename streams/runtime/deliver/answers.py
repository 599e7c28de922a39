"""What an answer of a receiver means, and when to try again. Pure.

Back-off doubles up to five minutes; its jitter follows from the id of what is sent, so that receivers that come back
are not met by all at once and a test knows when.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

LONGEST_S = 300.0
LONGEST_ASKED_S = 3_600.0
"""How long a receiver may ask to be left alone."""

_AGAIN = frozenset({401, 403, 408, 425, 429})
"""Also a secret that is wrong: people mend it, and what fired meanwhile must still be told."""


class Meaning(StrEnum):
    """What to do next."""

    TAKEN = "taken"
    AGAIN = "again"
    REFUSED = "refused"


def meaning_of(status: int) -> Meaning:
    """Whether a status means that it was taken, may be taken later, or never will be."""
    if 200 <= status < 300:
        return Meaning.TAKEN
    return Meaning.AGAIN if status in _AGAIN or status >= 500 else Meaning.REFUSED


def asked_s(headers: Mapping[str, str], now_ms: int) -> float:
    """How long the receiver asks to be left alone (`Retry-After`: seconds or a date); 0 when it does not."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(float(text), LONGEST_ASKED_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, moment.timestamp() - now_ms / 1000), LONGEST_ASKED_S)


def backoff_s(attempt: int, key: str, asked: float = 0.0) -> float:
    """How long to wait after the attempt-th try (from 1) failed: half to all of the doubling bound, by the key."""
    bound = min(LONGEST_S, 2.0 ** min(attempt - 1, 20))
    share = int.from_bytes(hashlib.sha256(f"{key}|{attempt}".encode()).digest()[:4], "big") / 2**32
    return max(asked, bound * (0.5 + share / 2))


class Allowance:
    """At most `rate` requests in a minute, evenly, with a burst of a tenth of that. One thread."""

    def __init__(self, rate: int) -> None:
        self._each_s = 60.0 / rate
        self._most = max(1.0, rate / 10)
        self._tokens, self._at_s = self._most, 0.0

    def wait_s(self, now_s: float) -> float:
        """How long until the next request may go; 0 when it may."""
        self._fill(now_s)
        return 0.0 if self._tokens >= 1 else (1 - self._tokens) * self._each_s

    def take(self, now_s: float) -> None:
        """A request goes."""
        self._fill(now_s)
        self._tokens -= 1

    def _fill(self, now_s: float) -> None:
        self._tokens = min(self._most, self._tokens + max(0.0, now_s - self._at_s) / self._each_s)
        self._at_s = now_s
