"""Alignment never stops the world, and bounds how far a source is read ahead of the one furthest behind."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ledger.alignment import Ahead, Alignment, Standing

AHEAD = 100
GRACE = 10
Log = list[list[int]]
"""Polls of rows; a row is its event time."""

logs = st.lists(st.lists(st.integers(0, 1_000), max_size=4), max_size=6)


@dataclass
class Source:
    """A source as its reader knows it: polls not read yet, and the greatest time read."""

    left: Log
    clock_ms: int | None = None
    at_end_ms: int | None = None

    def read(self, now_ms: int) -> None:
        """Take a poll; at the end that is noticed."""
        if self.left:
            rows = self.left.pop(0)
            if rows:
                self.clock_ms = max(rows if self.clock_ms is None else [self.clock_ms, *rows])
        if not self.left:
            self.at_end_ms = now_ms

    @property
    def open(self) -> bool:
        """Whether there is more, as far as its reader knows."""
        return bool(self.left) or self.at_end_ms is None

    def standing(self) -> Standing:
        """What it says of itself."""
        return Standing(self.clock_ms, self.at_end_ms)


def look_at_ends(sources: list[Source], now_ms: int) -> None:
    """Readers that are at an end look again and again whether they still are."""
    for source in sources:
        if not source.open:
            source.at_end_ms = now_ms


@dataclass
class Reader:
    """A worker: its own sources, its rule, and what it last heard of the others."""

    own: list[int]
    rule: Alignment[int] = field(default_factory=lambda: Alignment(AHEAD, GRACE))
    heard: dict[int, Standing] = field(default_factory=dict)

    def waiting(self, sources: list[Source], now_ms: int) -> dict[int, Ahead[int]]:
        """The own sources that must wait."""
        return self.rule.waiting({s: sources[s].standing() for s in self.own}, self.heard, now_ms)

    def hear(self, sources: list[Source]) -> None:
        """A progress record of the other worker comes by."""
        self.heard = {s: source.standing() for s, source in enumerate(sources) if s not in self.own}


@settings(max_examples=300, deadline=None)
@given(st.lists(logs, min_size=1, max_size=6), st.data())
def test_everything_is_read_whatever_the_schedule(found: list[Log], data: st.DataObject) -> None:
    """Two workers that hear of each other late: with fresh news there is always an unread source that may be read."""
    sources = [Source([list(rows) for rows in log]) for log in found]
    readers = [Reader([s for s in range(len(sources)) if s % 2 == half]) for half in (0, 1)]
    now_ms = 0
    while any(source.open for source in sources):
        now_ms += data.draw(st.sampled_from([1, 20]))
        look_at_ends(sources, now_ms)
        if data.draw(st.booleans()):
            readers[data.draw(st.integers(0, 1))].hear(sources)
        ready = [s for r in readers for s in r.own if s not in r.waiting(sources, now_ms) and sources[s].open]
        if not ready:  # the news are old: as soon as they have come round there must be one
            for reader in readers:
                reader.hear(sources)
            ready = [s for r in readers for s in r.own if s not in r.waiting(sources, now_ms) and sources[s].open]
            assert ready
        sources[data.draw(st.sampled_from(ready))].read(now_ms)


@settings(max_examples=300, deadline=None)
@given(st.lists(logs, min_size=2, max_size=5), st.data())
def test_no_source_begins_a_poll_too_far_ahead_of_one_with_more(found: list[Log], data: st.DataObject) -> None:
    """One worker: a poll is taken only within the bound over every source that has more and a clock."""
    sources = [Source([list(rows) for rows in log]) for log in found]
    reader = Reader(list(range(len(sources))))
    now_ms = 0
    while any(source.open for source in sources):
        now_ms += 1
        look_at_ends(sources, now_ms)
        waiting = reader.waiting(sources, now_ms)
        ready = [s for s, source in enumerate(sources) if source.open and s not in waiting]
        chosen = data.draw(st.sampled_from(ready))
        own_ms = sources[chosen].clock_ms
        behind = [s.clock_ms for s in sources if s.left and s.clock_ms is not None]
        if own_ms is not None and behind:
            assert own_ms - min(behind) <= AHEAD
        sources[chosen].read(now_ms)
    assert not reader.waiting(sources, now_ms), "all are at their ends"


def rule() -> Alignment[str]:
    """A rule of hundred ms."""
    return Alignment(AHEAD, GRACE)


def test_a_source_far_ahead_waits_for_the_one_furthest_behind() -> None:
    own = {"fast": Standing(1_000, None), "near": Standing(150, None), "slow": Standing(100, None)}
    assert rule().waiting(own, {}, 0) == {"fast": Ahead(900, "slow")}


def test_those_at_their_end_hold_nobody_back_until_the_grace_is_over() -> None:
    found = rule()
    assert found.waiting({"a": Standing(1_000, None), "b": Standing(0, 5)}, {}, 0) == {}
    more = {"a": Standing(1_000, None), "b": Standing(0, None)}
    assert found.waiting(more, {}, GRACE) == {}
    assert found.waiting(more, {}, GRACE + 1) == {"a": Ahead(1_000, "b")}
    assert found.waiting({"a": Standing(1_000, None), "b": Standing(0, 6)}, {}, GRACE + 2) == {}


def test_a_source_elsewhere_holds_back_too_and_one_that_is_gone_does_not() -> None:
    found = rule()
    own = {"a": Standing(1_000, None)}
    assert found.waiting(own, {"far": Standing(800, None)}, 0) == {"a": Ahead(200, "far")}
    assert found.waiting(own, {}, 1) == {}


def test_a_source_without_a_clock_lets_the_others_read_their_first_hundred() -> None:
    found, news = rule(), {"new": Standing(None, None)}
    assert found.waiting({"a": Standing(5_000, None)}, news, 0) == {}
    assert found.waiting({"a": Standing(5_100, None)}, news, 1) == {}
    assert found.waiting({"a": Standing(5_101, None)}, news, 2) == {"a": Ahead(101, "new")}
    assert found.waiting({"a": Standing(5_101, None)}, {"new": Standing(5_050, None)}, 3) == {}
