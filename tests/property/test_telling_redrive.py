"""Dead letters that are asked for at random, with crashes anywhere: nothing untrue is said, nothing true is lost.

The deliverer is simulated with lists for its logs, and its receiver refuses at random. Operators ask for whatever is
dead, sometimes twice.
"""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.instance import ACTIVE
from streams.alerts.rules.model import HOUR
from streams.alerts.telling.planner import Address, Planner, Timing
from streams.alerts.telling.redrive import REDRIVE, DeadLetters, redrive_key, redrive_row
from streams.alerts.telling.rows import Entry, Fate, entry_of, entry_row
from streams.alerts.telling.state import ALERT, ms_of
from streams.alerts.telling.told import Batch, Kind, Telling
from tests.support.receiver_rows import STEP, ModelRows, Row

TIMING = Timing(repeat_ms=HOUR // 2, max_age_ms=2 * HOUR)
CLASSES = ("a", "b")
ACTIONS = ("fires", "nothing", "fires", "escalates", "mutes", "unmutes", "resolves")
CRASHES = ("", "", "before writing", "before sending", "before noting")
START = 1_000 * HOUR


class Deliverer:
    """The durable part: two logs, a position, and what arrived; everything else dies with `begin`."""

    def __init__(self, refuses: list[bool]) -> None:
        self.alerts: list[Row] = []
        self.log: dict[str, dict[str, object]] = {}
        self.arrived: list[Telling] = []
        self.position, self.now_ms = 0, START
        self.refuses = itertools.cycle([*refuses, False])

    def begin(self) -> None:
        self.planner = Planner((Address("r"),), TIMING)
        self.letters, self.due = DeadLetters(), list[Batch]()
        self.read = self.position
        self.hold: int | None = None
        for row in self.log.values():
            entry = entry_of(row)
            self.planner.adopt(entry.batch)
            self.letters.note(entry)
            if entry.fate == Fate.DUE:
                self.due.append(entry.batch)
        for key, row in self.alerts[: self.position]:
            self.planner.recall(key, row)

    def ask(self) -> int:
        """An operator asks for everything that is dead; how many that is."""
        dead = [entry_row(entry_of(row)) for row in self.log.values() if row["state"] == Fate.DEAD]
        self.alerts += [
            (redrive_key(row["batch_id"]), redrive_row(row["batch_id"], "r", row["finished_at"], self.now_ms))
            for row in dead
        ]
        return len(dead)

    def turn(self, crash: str = "") -> None:
        """Read everything, decide, write, send, note; or die on the way and begin again."""
        entries: list[Entry] = []
        while self.read < len(self.alerts):
            key, row = self.alerts[self.read]
            self.read += 1
            found: list[Entry] = []
            if row["schema"] != REDRIVE:
                found = [Entry(batch) for batch in self.planner.take(key, row, self.now_ms)]
            elif (letter := self.letters.asked(row)) is not None:
                found = self.planner.redrive(letter, self.now_ms)
                for entry in found:
                    self.letters.note(entry)
            self.check(found)
            entries += found
            self.hold = (self.read - 1 if self.hold is None else self.hold) if self.misses() else None
        entries += [Entry(batch) for batch in self.planner.tick(self.now_ms)]
        if crash == "before writing":
            self.begin()
            return
        for entry in entries:
            self.log[entry.batch.id] = entry_row(entry)
        self.position = self.read if self.hold is None else self.hold
        ids = [entry.batch.id for entry in entries if entry.fate == Fate.DUE]
        assert len(ids) == len(set(ids))
        self.due += [entry.batch for entry in entries if entry.fate == Fate.DUE]
        if crash == "before sending":
            self.begin()
            return
        for batch in self.due:
            self.now_ms += 1
            entry = Entry(batch, Fate.DEAD, 1, self.now_ms, "no")
            if not next(self.refuses):
                self.arrived += batch.tellings
                if crash == "before noting":
                    self.begin()
                    return
                entry = Entry(batch, Fate.SENT, 1, self.now_ms)
            self.log[batch.id] = entry_row(entry)
            self.letters.note(entry)
        self.due = []

    def misses(self) -> bool:
        return self.planner.misses(self.now_ms)

    def truth(self) -> dict[str, tuple[int, bool]]:
        """The episode of each alert that is active by the rows that were read, and whether it is muted."""
        newest = {key: row for key, row in self.alerts[: self.read] if row["schema"] == ALERT}
        active = {key: row for key, row in newest.items() if row["phase"] in ACTIVE}
        return {key: (ms_of(row["episode"]), row["muted"]) for key, row in active.items()}

    def check(self, entries: list[Entry]) -> None:
        """What is decided is true at that moment, and nothing that is on its way or arrived is decided again."""
        truth = self.truth()
        for entry in entries:
            if entry.fate != Fate.DUE:
                continue
            state = self.log.get(entry.batch.id, {}).get("state")
            assert state in {None, Fate.DEAD}, state
            for telling in entry.batch.tellings:
                episode, muted = truth.get(telling.fingerprint, (None, False))
                if telling.kind == Kind.FIRING:
                    assert (telling.episode, False) == (episode, muted)
                elif telling.kind == Kind.RESOLVED:
                    assert telling.episode != episode


def step_rows(rows: ModelRows, actions: tuple[str, str], t: int, active: set[str], muted: set[str]) -> list[Row]:
    """What happens to each class in a step, as far as it can, and its pulse."""
    found: list[Row] = []
    for cls, action in zip(CLASSES, actions, strict=True):
        mutes = ("m",) if cls in muted else ()
        if action == "fires" and cls not in active:
            active.add(cls)
            found.append(rows.fires(cls, t, muted_by=mutes))
        elif action == "escalates" and cls in active:
            found.append(rows.escalates(cls, t))
        elif action in {"mutes", "unmutes"}:
            (muted.add if action == "mutes" else muted.discard)(cls)
            if cls in active:
                found.append(rows.mutes(cls, t, *(["m"] if action == "mutes" else [])))
        elif action == "resolves" and cls in active:
            active.discard(cls)
            found.append(rows.resolves(cls, t))
    return [*found, rows.pulse(t)]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(ACTIONS)), min_size=3, max_size=12),
    st.lists(st.sampled_from(CRASHES), min_size=1, max_size=8),
    st.lists(st.sampled_from((True, True, False)), min_size=1, max_size=8),
    st.lists(st.integers(0, 2), min_size=1, max_size=6),
    st.lists(st.sampled_from((1_000, 1_000, 3 * HOUR)), min_size=1, max_size=5),
)
def test_what_is_asked_for_again_is_told_once_and_as_far_as_it_is_true(
    steps: list[tuple[str, str]], crashes: list[str], refuses: list[bool], asks: list[int], lags_ms: list[int]
) -> None:
    deliverer, rows = Deliverer(refuses), ModelRows()
    active, muted = set[str](), set[str]()
    deliverer.begin()
    for number, actions in enumerate(steps):
        t = START + (number + 1) * STEP
        deliverer.now_ms = max(deliverer.now_ms, t + lags_ms[number % len(lags_ms)])
        deliverer.alerts += step_rows(rows, actions, t, active, muted)
        for _ in range(asks[number % len(asks)]):
            deliverer.ask()
        deliverer.turn(crashes[number % len(crashes)])
    deliverer.refuses = itertools.cycle([False])
    last = max(START + (len(steps) + 1) * STEP, deliverer.now_ms)
    deliverer.now_ms = last + 1_000
    deliverer.alerts += step_rows(rows, ("unmutes", "unmutes"), last, active, muted)
    deliverer.turn()
    deliverer.ask()
    deliverer.turn()
    assert deliverer.ask() == 0
    assert {row["state"] for row in deliverer.log.values()} <= {Fate.SENT, Fate.WITHDRAWN}
    believed: set[tuple[str, int]] = set()
    contents: dict[str, Telling] = {}
    for telling in deliverer.arrived:
        assert contents.setdefault(telling.id, telling) == telling
        about = (telling.fingerprint, telling.episode)
        if telling.kind == Kind.FIRING:
            believed.add(about)
        elif telling.kind == Kind.RESOLVED:
            believed.discard(about)
    assert believed == {(key, episode) for key, (episode, _) in deliverer.truth().items()}
