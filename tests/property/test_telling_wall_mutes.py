"""Mutes by the wall clock, at random over random histories: they delay what is told, and never lose or keep anything.

What is to be told of an episode follows from the moments at which the deliverer looks: that it fires at the first one
at which no mute lies over it, that it is over at the step at which it ends, muted or not, if it was told.
"""

from datetime import datetime
from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.alerts.rows import mute_row
from streams.alerts.rules.model import DAY, HOUR, MINUTE, Mute, Severity, Weekly
from streams.alerts.telling.planner import Address, Planner, Timing
from streams.alerts.telling.told import Batch, Kind, Telling
from tests.support.receiver_rows import ModelRows, Row

TIMING = Timing(repeat_ms=100 * DAY, max_age_ms=2 * HOUR)
STEP = 30 * MINUTE
STEPS = 24
LATENCY = 1_000
LOOK = 10 * MINUTE
LOOKS = (0, LOOK, 2 * LOOK)  # after a step; at the first its rows come
CLASSES = ("a", "b")
ACTIONS = ("nothing", "nothing", "fires", "pages", "resolves")
SUNDAY = Weekly(6, 2 * 60, 4 * 60, "Europe/Berlin")


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


class Night(NamedTuple):
    """Where a history begins, and from when to when the weekly mute holds in it: worked out by hand."""

    begin: int
    muted: tuple[int, int]


NIGHTS = {
    "an hour is left out": Night(utc("2026-03-28T22:00Z"), (utc("2026-03-29T01:00Z"), utc("2026-03-29T02:00Z"))),
    "an hour comes twice": Night(utc("2026-10-24T22:00Z"), (utc("2026-10-25T00:00Z"), utc("2026-10-25T03:00Z"))),
    "winter": Night(utc("2026-01-10T22:00Z"), (utc("2026-01-11T01:00Z"), utc("2026-01-11T03:00Z"))),
}


class Silence(NamedTuple):
    """A mute of once over a class or all, in looks since the begin; taken out again at a step, or never."""

    cls: str
    start: int
    length: int
    dropped: int | None


class Episode(NamedTuple):
    """An alert from the step at which it fires to that at which it is over, None while it is not."""

    cls: str
    start: int
    end: int | None


SILENCES = st.lists(
    st.builds(
        Silence,
        st.sampled_from(["a", "b", "*"]),
        st.integers(0, 3 * STEPS - 12),
        st.integers(1, 24),
        st.none() | st.integers(1, STEPS - 1),
    ),
    max_size=3,
)
HISTORIES = st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(ACTIONS)), min_size=1, max_size=STEPS)


class Lived:
    """A history and its deliverer."""

    def __init__(self, night: Night, silences: list[Silence], *, weekly: bool) -> None:
        self.night, self.silences, self.weekly = night, silences, weekly
        self.rows, self.planner = ModelRows(), Planner((Address("all"),), TIMING)
        self.told: list[tuple[int, Telling]] = []
        self.active: dict[str, int] = {}
        self.episodes: list[Episode] = []
        for number, one in enumerate(silences):
            start, end = night.begin + one.start * LOOK, night.begin + (one.start + one.length) * LOOK
            self._take(
                night.begin, (f"mute|{number}", mute_row(Mute(str(number), _of(one.cls), start, end, clock="wall")))
            )
        if weekly:
            self._take(night.begin, ("mute|w", mute_row(Mute("w", (), weekly=SUNDAY, clock="wall"))))

    def step(self, number: int, actions: tuple[str, ...]) -> None:
        """One step, and looks until the next."""
        t = self.night.begin + number * STEP
        for mute, one in enumerate(self.silences):
            if one.dropped == number:
                self.told += _at(t + LATENCY, self.planner.take(f"mute|{mute}", None, t + LATENCY))
        for cls, action in zip(CLASSES, actions, strict=True):
            if action in {"fires", "pages"} and cls not in self.active:
                self.active[cls] = t
                self._take(t, self.rows.fires(cls, t, Severity.PAGE if action == "pages" else Severity.TICKET))
            elif action == "resolves" and cls in self.active:
                self.episodes.append(Episode(cls, self.active.pop(cls), t))
                self._take(t, self.rows.resolves(cls, t))
        self._take(t, self.rows.pulse(t))
        for later in LOOKS:
            self.told += _at(t + LATENCY + later, self.planner.tick(t + LATENCY + later))

    def close(self) -> None:
        self.episodes += [Episode(cls, start, None) for cls, start in self.active.items()]

    def covered(self, cls: str, now_ms: int) -> bool:
        """Whether any mute lies over a class, reckoned anew."""
        since = now_ms - self.night.begin
        once = any(
            s.cls in {cls, "*"}
            and s.start * LOOK <= since < (s.start + s.length) * LOOK
            and (s.dropped is None or since < s.dropped * STEP)
            for s in self.silences
        )
        return once or (self.weekly and self.night.muted[0] <= now_ms < self.night.muted[1])

    def _take(self, t: int, row: Row) -> None:
        self.told += _at(t + LATENCY, self.planner.take(*row, t + LATENCY))


def _of(cls: str) -> tuple[tuple[str, str], ...]:
    return () if cls == "*" else (("class", cls),)


def _at(now_ms: int, batches: list[Batch]) -> list[tuple[int, Telling]]:
    return [(now_ms, telling) for batch in batches for telling in batch.tellings if telling.kind != Kind.NOTICE]


def wanted(lived: Lived) -> dict[tuple[str, int, Kind], int]:
    """When what is to be told of which episode."""
    looks = [lived.night.begin + n * STEP + LATENCY + later for n in range(1, STEPS + 1) for later in LOOKS]
    found: dict[tuple[str, int, Kind], int] = {}
    for cls, start, end in lived.episodes:
        while_active = [now for now in looks if now > start and (end is None or now < end)]
        first = next((now for now in while_active if not lived.covered(cls, now)), None)
        if first is not None:
            found[cls, start, Kind.FIRING] = first
            if end is not None:
                found[cls, start, Kind.RESOLVED] = end + LATENCY
    return found


@settings(max_examples=120, deadline=None)
@given(history=HISTORIES, silences=SILENCES, night=st.sampled_from(sorted(NIGHTS)), weekly=st.booleans())
@example(history=[("fires", "nothing")], silences=[Silence("a", 2, 24, 5)], night="winter", weekly=False)
@example(
    history=[("nothing", "nothing")] * 4 + [("fires", "fires")], silences=[], night="an hour comes twice", weekly=True
)
@example(
    history=[("nothing", "nothing")] * 6 + [("fires", "fires")], silences=[], night="an hour is left out", weekly=True
)
def test_a_mute_by_the_wall_clock_delays_and_neither_loses_nor_keeps(
    history: list[tuple[str, str]], silences: list[Silence], night: str, weekly: bool
) -> None:
    lived = Lived(NIGHTS[night], silences, weekly=weekly)
    for number in range(STEPS):
        lived.step(number + 1, history[number] if number < len(history) else ("nothing", "nothing"))
    lived.close()
    told = [(dict(one.labels)["class"], one.episode, one.kind) for _, one in lived.told]
    assert len(told) == len(set(told))  # nothing twice
    assert dict(zip(told, (now for now, _ in lived.told), strict=True)) == wanted(lived)
