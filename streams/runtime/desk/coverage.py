"""What does a mute cover now, and is it over? By its own clock: wall time, or how far models have been judged."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from streams.alerts.mutes import covers
from streams.alerts.rules.model import Mute
from streams.alerts.telling.state import ms_of, state_of
from streams.runtime.desk.requests import Judged, reached

NOW, LATER, OVER = "now", "later", "over"

Row = Mapping[str, Any]


def standing(mute: Mute, judged: Judged, now_ms: int) -> str:
    """Whether a mute holds "now", "later" (again), or is "over"."""
    at_ms, _ = reached(dict(mute.match).get("model", "*"), mute.clock, judged, now_ms)
    if covers(msgspec.structs.replace(mute, match=()), (), "", at_ms):
        return NOW
    return OVER if mute.end_ms is not None and at_ms >= mute.end_ms else LATER


def covered(mute: Mute, rows: Iterable[Row], judged: Judged, now_ms: int) -> list[Row]:
    """The rows of alerts (`quality.alert.v1`) that a mute covers now; by event time: at the step that is next."""
    found = []
    for row in rows:
        state = state_of(row)
        at_ms = now_ms if mute.clock == "wall" else ms_of(judged.get(state.model, row["t"]))
        if covers(mute, state.labels, state.rule, at_ms):
            found.append(row)
    return found
