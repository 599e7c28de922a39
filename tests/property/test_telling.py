"""Who is told what, over random histories with crashes and gaps: nothing is lost, nothing is told that is not so.

A deliverer is simulated with lists for its logs. It may die before it wrote what it decided, before it sent it, and
before it noted that it was sent.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.rules.model import HOUR, MINUTE, Severity
from streams.alerts.telling.planner import Address, Planner, Timing
from streams.alerts.telling.rows import Entry, Fate, entry_of, entry_row
from streams.alerts.telling.told import Batch, Kind, Reason, Telling, ToldBook
from tests.support.receiver_rows import STEP, ModelRows, Row

TIMING = Timing(repeat_ms=HOUR // 2, max_age_ms=2 * HOUR)
ALL, PAGES = Address("all"), Address("pages", (("severity", "page"),))
CLASSES = ("a", "b")
ACTIONS = ("nothing", "fires", "pages", "escalates", "mutes", "unmutes", "resolves")
START = 1_000 * HOUR


@dataclass
class History:
    """Rows of a model, by step, and what is true of its alerts."""

    steps: list[tuple[int, list[Row]]] = field(default_factory=list)
    episodes: dict[tuple[str, int], dict[str, object]] = field(default_factory=dict)  # class and start
    active: dict[str, int] = field(default_factory=dict)
    muted: set[str] = field(default_factory=set)
    rows: ModelRows = field(default_factory=ModelRows)

    def step(self, actions: tuple[str, ...], every: int = 1) -> None:
        """One step: what happens to each class, as far as it can."""
        t = START + (len(self.steps) + 1) * STEP * every
        made: list[Row] = []
        for cls, action in zip(CLASSES, actions, strict=True):
            made += self._act(cls, action, t)
        self.steps.append((t, [*made, self.rows.pulse(t)]))
        for cls, episode in self.active.items():
            if cls not in self.muted:
                self.episodes[cls, episode]["heard"] = True

    def _act(self, cls: str, action: str, t: int) -> Iterator[Row]:
        if action in {"fires", "pages"} and cls not in self.active:
            self.active[cls] = t
            severity = Severity.PAGE if action == "pages" else Severity.TICKET
            self.episodes[cls, t] = {"severity": severity, "heard": False}
            yield self.rows.fires(cls, t, severity, muted_by=("m",) if cls in self.muted else ())
        elif action == "escalates" and cls in self.active:
            self.episodes[cls, self.active[cls]]["severity"] = Severity.PAGE
            yield self.rows.escalates(cls, t)
        elif action in {"mutes", "unmutes"}:
            (self.muted.add if action == "mutes" else self.muted.discard)(cls)
            if cls in self.active:
                yield self.rows.mutes(cls, t, *(["m"] if action == "mutes" else []))
        elif action == "resolves" and cls in self.active:
            del self.active[cls]
            yield self.rows.resolves(cls, t)


class Deliverer:
    """The durable part: two logs, a position, and what arrived. `begin` is a start; everything else dies with it."""

    def __init__(self, alerts: list[Row]) -> None:
        self.alerts, self.position, self.resumed = alerts, 0, False
        self.log: dict[str, dict[str, object]] = {}
        self.arrived: list[tuple[str, Telling]] = []

    def begin(self, now_ms: int) -> None:
        self.planner = Planner((ALL, PAGES), TIMING, None if self.resumed else now_ms)
        self.read, self.due = self.position, list[Batch]()
        self.hold: int | None = None
        for row in self.log.values():
            entry = entry_of(row)
            self.planner.adopt(entry.batch)
            if entry.fate == Fate.DUE:
                self.due.append(entry.batch)
        for key, row in self.alerts[: self.position]:
            self.planner.recall(key, row)
        self.resumed = True  # the first position is written at once

    def turn(self, upto: int, now_ms: int, crash: str) -> bool:
        """Read rows, decide, write, send, note; whether it lived through it. `crash` says where it does not."""
        planned: list[Batch] = []
        while self.read < upto:
            planned += self.planner.take(*self.alerts[self.read], now_ms)
            self.hold = (self.read if self.hold is None else self.hold) if self.planner.misses(now_ms) else None
            self.read += 1
        planned += self.planner.tick(now_ms)
        self.hold = self.hold if self.planner.misses(now_ms) else None
        if crash == "before writing":
            return False
        for batch in planned:
            self.log[batch.id] = entry_row(Entry(batch))
        self.position = self.read if self.hold is None else self.hold
        if crash == "before sending":
            return False
        self.due += planned
        for number, batch in enumerate(self.due):
            self.arrived += [(batch.receiver, telling) for telling in batch.tellings]
            if crash == "before noting" and number == 0:
                return False
            self.log[batch.id] = entry_row(Entry(batch, Fate.SENT, 1, now_ms))
        self.due = []
        return True


CRASHES = ("", "", "", "before writing", "before sending", "before noting")

STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(ACTIONS)), min_size=1, max_size=14)


def lived(history: History, crashes: list[str], delays: list[int]) -> Deliverer:
    """The deliverer after a history, with a crash and a wall-clock delay (ms) for each turn, and at last in peace."""
    deliverer = Deliverer([row for _, rows in history.steps for row in rows])
    now_ms, upto = START, 0
    deliverer.begin(now_ms)
    for number, (t, rows) in enumerate(history.steps):
        upto += len(rows)
        now_ms = max(now_ms, t + 1_000) + delays[number % len(delays)]
        if not deliverer.turn(upto, now_ms, crashes[number % len(crashes)]):
            deliverer.begin(now_ms)
    last = history.steps[-1][0] + STEP
    deliverer.alerts.append(history.rows.pulse(last))
    now_ms = last + 1_000
    assert deliverer.turn(len(deliverer.alerts), now_ms, "")
    assert deliverer.turn(len(deliverer.alerts), now_ms, "")
    return deliverer


def of_steps(steps: list[tuple[str, str]], every: int = 1) -> History:
    history = History()
    for actions in steps:
        history.step(actions, every)
    return history


def told(deliverer: Deliverer, receiver: str = "all") -> dict[str, Telling]:
    """What a receiver got, by id."""
    return {telling.id: telling for name, telling in deliverer.arrived if name == receiver}


@settings(max_examples=150, deadline=None)
@given(STEPS, st.lists(st.sampled_from(CRASHES), min_size=1, max_size=8))
def test_a_crash_anywhere_tells_everything_with_the_same_ids(steps: list[tuple[str, str]], crashes: list[str]) -> None:
    quiet = lived(of_steps(steps), [""], [0])
    crashed = lived(of_steps(steps), crashes, [0])
    for receiver in ("all", "pages"):
        assert told(crashed, receiver).keys() == told(quiet, receiver).keys()
    assert len(quiet.arrived) == len({telling.id for _, telling in quiet.arrived})


@settings(max_examples=150, deadline=None)
@given(
    STEPS,
    st.lists(st.sampled_from(CRASHES), min_size=1, max_size=8),
    st.lists(st.sampled_from([0, 0, 0, MINUTE, 3 * HOUR]), min_size=1, max_size=6),
)
def test_nothing_is_lost_and_nothing_told_that_is_not_so(
    steps: list[tuple[str, str]], crashes: list[str], delays: list[int]
) -> None:
    history = of_steps(steps)
    deliverer = lived(history, crashes, delays)
    seen: dict[str, Telling] = {}
    for receiver, telling in deliverer.arrived:  # one id is one telling, whatever happens
        assert seen.setdefault(telling.id, telling) == telling
        assert receiver in {"all", "pages"}
    batches = [entry_of(row).batch for row in deliverer.log.values()]
    assert max((b.planned_ms - b.t for b in batches), default=0) <= TIMING.max_age_ms  # nobody is told of old things
    got = list(told(deliverer).values())
    fired = {(t.fingerprint, t.episode) for t in got if t.kind == Kind.FIRING}
    over = {(t.fingerprint, t.episode) for t in got if t.kind == Kind.RESOLVED}
    in_summary = {(m["fingerprint"], m["fired_at"]) for t in got if t.reason == Reason.CATCH_UP for m in t.members}
    assert over <= fired
    for (cls, episode), what in history.episodes.items():
        key = (history.rows.fingerprint(cls), episode)
        is_active = history.active.get(cls) == episode
        assert (key in over) == (key in fired and not is_active)  # resolved if and only if told
        if is_active:
            assert key in fired or cls in history.muted  # a mute never loses an alert
        elif not what["heard"]:
            assert key not in fired
        else:
            told_of = {fingerprint for fingerprint, _ in in_summary}
            assert key in fired or key[0] in told_of or max(delays) == 0
    assert {telling.episode for telling in got if telling.kind != Kind.NOTICE} <= {e for _, e in history.episodes}


@settings(max_examples=60, deadline=None)
@given(STEPS, st.lists(st.sampled_from(CRASHES), min_size=1, max_size=8))
def test_firing_comes_before_its_end_and_severity_only_grows(steps: list[tuple[str, str]], crashes: list[str]) -> None:
    deliverer = lived(of_steps(steps), crashes, [0])
    first: dict[str, int] = {}
    for number, (receiver, telling) in enumerate(deliverer.arrived):
        if receiver == "all":
            first.setdefault(telling.id, number)
    ordered = sorted(told(deliverer).values(), key=lambda telling: first[telling.id])
    for key in {(t.fingerprint, t.episode) for t in ordered}:
        kinds = [t.kind for t in ordered if (t.fingerprint, t.episode) == key]
        assert kinds == sorted(kinds, key=[Kind.FIRING, Kind.RESOLVED, Kind.NOTICE].index)
        loudness = [t.severity == "page" for t in ordered if (t.fingerprint, t.episode) == key]
        assert loudness == sorted(loudness)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 22), st.lists(st.sampled_from(CRASHES), min_size=1, max_size=8))
def test_an_alert_that_lasts_is_repeated_by_event_time(length: int, crashes: list[str]) -> None:
    history = of_steps([("fires", "nothing"), *[("nothing", "nothing")] * length])
    deliverer = lived(history, crashes, [0])
    numbers = sorted(t.n for t in told(deliverer).values())
    lasted = (length + 1) * STEP  # the last pulse is a step behind
    assert numbers == list(range(lasted // TIMING.repeat_ms + 1))
    assert {t.reason for t in told(deliverer).values() if t.n} <= {Reason.REPEAT}


@settings(max_examples=40, deadline=None)
@given(STEPS, st.lists(st.sampled_from(CRASHES), min_size=1, max_size=8))
def test_who_wants_pages_gets_an_alert_only_once_it_is_one(steps: list[tuple[str, str]], crashes: list[str]) -> None:
    history = of_steps(steps)
    deliverer = lived(history, crashes, [0])
    assert {telling.severity for telling in told(deliverer, "pages").values()} <= {"page"}
    everything = {(t.fingerprint, t.episode) for t in told(deliverer).values() if t.severity == "page"}
    assert {(t.fingerprint, t.episode) for t in told(deliverer, "pages").values()} == everything


@settings(max_examples=60, deadline=None)
@given(STEPS, st.randoms(use_true_random=False), st.integers(0, 3))
def test_what_was_told_is_known_in_whatever_order_the_log_is_read(
    steps: list[tuple[str, str]], chance: random.Random, repeated: int
) -> None:
    history = of_steps(steps)
    batches = [entry_of(row).batch for row in lived(history, [""], [0]).log.values()]
    shuffled = batches + batches[:repeated]
    chance.shuffle(shuffled)
    known, again = ToldBook(), ToldBook()
    for batch in batches:
        known.take(batch)
    for batch in shuffled:
        again.take(batch)
    assert known.open_of("fraud") == again.open_of("fraud")
    for receiver in ("all", "pages"):
        for cls in CLASSES:
            assert known.get(receiver, history.rows.fingerprint(cls)) == again.get(
                receiver, history.rows.fingerprint(cls)
            )
