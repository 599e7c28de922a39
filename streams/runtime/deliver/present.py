"""What one receiver is to believe now: what it was told that fires, and what was lately over. For those that forget."""

from collections.abc import Iterable

from streams.alerts.telling.rows import Entry, Fate
from streams.alerts.telling.told import Batch, Kind, Telling


class Present:
    """A fold over finished batches, by partition of the alerts. `resolved_for_ms`: how long an end is repeated."""

    def __init__(self, resolved_for_ms: int) -> None:
        self._resolved_for_ms = resolved_for_ms
        self._active: dict[tuple[int, str], Telling] = {}
        self._over: dict[tuple[int, str, int], tuple[Telling, int]] = {}

    def take(self, partition: int, entry: Entry) -> None:
        """A batch that was sent, or given up: a receiver that was away for long is told of the present all the same."""
        if entry.fate in {Fate.DUE, Fate.WITHDRAWN}:
            return
        for telling in entry.batch.tellings:
            key = (partition, telling.fingerprint)
            active = self._active.get(key)
            if telling.kind == Kind.FIRING and (active is None or active.episode <= telling.episode):
                self._active[key] = telling
            elif telling.kind == Kind.RESOLVED:
                if active is not None and active.episode <= telling.episode:
                    del self._active[key]
                until_ms = entry.finished_ms + self._resolved_for_ms
                self._over[*key, telling.episode] = telling, until_ms

    def contradicts(self, partition: int, batch: Batch) -> bool:
        """Whether a batch ended an old episode of what is active: who goes by labels believes now that it is over."""
        ended = [telling for telling in batch.tellings if telling.kind == Kind.RESOLVED]
        return any((partition, telling.fingerprint) in self._active for telling in ended)

    def forget(self, partition: int) -> None:
        """Another deliverer has this partition now."""
        self._active = {key: telling for key, telling in self._active.items() if key[0] != partition}
        self._over = {key: told for key, told in self._over.items() if key[0] != partition}

    def at(self, now_ms: int) -> tuple[list[Telling], list[Telling]]:
        """What is active, and what was over a short while ago."""
        self._over = {key: told for key, told in self._over.items() if told[1] > now_ms}
        return _ordered(self._active.values()), _ordered(telling for telling, _ in self._over.values())


def _ordered(tellings: Iterable[Telling]) -> list[Telling]:
    return sorted(tellings, key=lambda telling: (telling.fingerprint, telling.episode))
