"""What stands beside the position of a partition: which topic of alerts it is of, and whom its owner tells.

All deliverers of a job are to have the same receivers: each tells only its own ones of the partitions it has. The notes
show where they differ. Names are no secrets; addresses and secrets are not in a note.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import orjson

from streams.runtime.config.receivers import ReceiverConfig

MOST_BYTES = 2_000
"""Of names in a note: brokers take 4,096 bytes. Where they are more, only whether they are the same is known."""


class Note(NamedTuple):
    """`receivers` is a hash of all that says who is told of what; None in a note of an older version."""

    alerts_id: str
    receivers: str | None = None
    names: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As it is committed."""
        return orjson.dumps({"alerts": self.alerts_id, "receivers": self.receivers, "names": self.names}).decode()


class Difference(NamedTuple):
    """Receivers that only one of two deliverers has; none of either: they are matched or addressed otherwise."""

    only_there: tuple[str, ...]
    only_here: tuple[str, ...]


def note_of(alerts_id: str, receivers: Sequence[ReceiverConfig]) -> Note:
    """The note of a deliverer."""
    known = sorted((r.name, r.kind, r.url or "", list(map(list, r.match))) for r in receivers)
    names = tuple(sorted(r.name for r in receivers))
    short = sum(len(name.encode()) + 3 for name in names) <= MOST_BYTES
    return Note(alerts_id, sha256(orjson.dumps(known)).hexdigest()[:16], names if short else ())


def read_note(text: str) -> Note | None:
    """A note out of a commit; None for what is none."""
    try:
        fields = orjson.loads(text)
        return Note(fields["alerts"], fields.get("receivers"), tuple(fields.get("names", ())))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None


def difference(mine: Note, other: Note) -> Difference | None:
    """How another deliverer of the same topic differs; None when it does not, or nothing is known of it."""
    if other.alerts_id != mine.alerts_id or other.receivers in (None, mine.receivers):
        return None
    here, there = set(mine.names), set(other.names)
    return Difference(tuple(sorted(there - here)), tuple(sorted(here - there)))
