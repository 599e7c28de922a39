"""Dead letters are given another chance: which of them is asked for, and what of it is still to be told?

An operator asks with a row in the alerts topic, so that whoever owns the partition decides, at a place of its log. The
row names the letter as it died (its batch, and when it was given up): one that died anew is another letter, so a row
that is read again, or asked twice, sends nothing twice. Ids are those of the first try. What is not true any more is
withdrawn and not sent; what must not be said now stays dead.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from streams.alerts.rules.model import HOUR
from streams.alerts.telling.rows import Entry, Fate
from streams.alerts.telling.state import State, ms_of
from streams.alerts.telling.told import Batch, Kind, Reason, Telling, Told, batches_of
from streams.ledger.times import rfc3339

REDRIVE = "quality.redrive.v1"
"""The schema of the row that asks."""

ANNOUNCED_MS = HOUR
"""How long before its end a mute is announced, at most."""


class Standing(StrEnum):
    """How it is with a telling that did not arrive, in words for its row."""

    TRUE = "it is true"  # sent again
    OVER = "it is over, or more was told since"  # withdrawn
    MUTED = "it is muted now"  # these stay dead: what is active is not to be lost
    REPLACED = "another version has taken over"  # it may come back
    BEHIND = "the job is behind: nobody knows what is true now"
    UNKNOWN = "there is no such receiver here"


_WAITS = (Standing.UNKNOWN, Standing.BEHIND, Standing.MUTED, Standing.REPLACED)


def redrive_key(batch_id: str) -> str:
    """The key of the row that asks for a letter."""
    return f"redrive|{batch_id}"


def redrive_row(batch_id: str, receiver: str, finished_at: str, now_ms: int) -> dict[str, Any]:
    """The row that asks for the letter that was given up at `finished_at`, fields in order."""
    return {
        "schema": REDRIVE,
        "batch_id": batch_id,
        "receiver": receiver,
        "finished_at": finished_at,
        "asked_at": rfc3339(now_ms),
    }


class DeadLetters:
    """The letters of a partition that are dead now: a fold over entries, in the order of the log."""

    def __init__(self) -> None:
        self._dead: dict[str, Entry] = {}

    def note(self, entry: Entry) -> None:
        """The newest entry of a batch."""
        if entry.fate == Fate.DEAD:
            self._dead[entry.batch.id] = entry
        else:
            self._dead.pop(entry.batch.id, None)

    def asked(self, row: Mapping[str, Any]) -> Entry | None:
        """The letter that a row asks for, None when that is dead no more. Raises like `entry_of`."""
        entry = self._dead.get(row["batch_id"])
        return entry if entry is not None and entry.finished_ms == ms_of(row["finished_at"]) else None


def standing(batch: Batch, telling: Telling, told: Told | None, state: State | None, now_ms: int) -> Standing:
    """Whether a telling of a dead batch is still true. `told` is what its receiver was told last of this alert.

    `state` is the alert now, None where it is gone. An end stays true. That an alert fires is true while the same
    episode is active and nothing was told of it since: neither its end, nor that it is louder, nor a repetition.
    """
    if telling.kind == Kind.RESOLVED:
        return Standing.TRUE
    if telling.kind == Kind.NOTICE:
        passed = telling.reason == Reason.MUTE_ENDS and now_ms - batch.planned_ms > ANNOUNCED_MS
        return Standing.OVER if passed else Standing.TRUE
    last = told is not None and not told.over and told.last.id == telling.id
    active = state is not None and state.active and state.episode == telling.episode
    return Standing.TRUE if last and active else Standing.OVER


def redriven(entry: Entry, standing_of: Callable[[Telling], Standing], now_ms: int) -> list[Entry]:
    """What is written instead of a dead letter: what is due again, and what is withdrawn or stays dead of it."""
    batch = entry.batch
    found = [(telling, standing_of(telling)) for telling in batch.tellings]
    again = tuple(telling for telling, how in found if how == Standing.TRUE)
    if len(again) == len(found):
        return [Entry(batch)]
    rest = tuple(telling for telling, how in found if how != Standing.TRUE)
    why = next((wait for wait in _WAITS if any(how == wait for _, how in found)), Standing.OVER)
    fate = Fate.WITHDRAWN if why == Standing.OVER else Fate.DEAD
    left = msgspec.structs.replace(batch, tellings=rest)
    return [*_due(batch, again), Entry(left, fate, entry.attempts, now_ms, f"not sent again: {why}")]


def _due(batch: Batch, again: Iterable[Telling]) -> Iterator[Entry]:
    """Some tellings of a batch as batches of their own."""
    for part in batches_of(batch.receiver, again, batch.t, batch.planned_ms):
        yield Entry(part)
