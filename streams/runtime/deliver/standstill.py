"""Does the whole job stand still? Asked by whoever has the first partition of the alerts, once everything is read."""

from collections.abc import Sequence

from streams.alerts.telling.state import PULSE, ms_of
from streams.runtime.clock import monotonic_s
from streams.runtime.config.job import Config
from streams.runtime.deliver.part import Part
from streams.runtime.deliver.tellings_log import stall_ms
from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.tail import read_rows

_ASK_S = 10.0


class Standstill:
    """`look` at the parts; one of them decides what is told of the whole."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._asked_s = 0.0

    def look(self, parts: Sequence[Part], partitions: int, now_ms: int) -> bool:
        """Decide in the first partition, if it is among these of all `partitions`; whether it is."""
        first = next((part for part in parts if part.number == 0 and part.ready), None)
        if first is None or not all(part.caught_up for part in parts):
            return first is not None
        newest = max(part.planner.watermark for part in parts)
        if now_ms - newest > stall_ms(self._config) and len(parts) < partitions:
            if monotonic_s() - self._asked_s < _ASK_S:
                return True
            self._asked_s = monotonic_s()
            newest = max(newest, newest_watermark(self._config))
        if newest:
            first.planned += first.planner.watch(self._config.name, newest, now_ms)
        return True


def newest_watermark(config: Config) -> int:
    """The newest time at which a step settled near the ends of the alerts, ms; 0 when none did or no broker answers."""
    newest = 0
    try:
        for row in read_rows(config.client, config.topic("alerts"), from_start=False, follow=False):
            if row is not None and row.value.get("schema") == PULSE:
                newest = max(newest, ms_of(row.value["settled_at"]))
    except UnavailableError:
        return 0
    return newest
