"""Predictions and labels of one ledger partition that can still change a count, and the rules that join them.

All rules are by data, so that neither order of arrival nor batch size shows in the counts:

- A prediction is (id, model, version). The same again is a duplicate; a differing one a conflict, of which the
  smallest (event time, class name, segments, confidence, kept scores) counts, by retraction if it comes second.
- A label counts for a prediction iff it lies within the horizon around the event and the watermark has not passed
  `event_time + horizon + slack`. The greatest (source rank, label time, class name) among them wins, of equal
  ones by different label sources the first; a deletion is the class *none*, which sorts above all names at its time.
- A prediction beyond `event_time + horizon + slack` is gone, whether or not its row was freed: every look-up checks.
  One that arrives then is late. A label row lives until all predictions it could serve are gone.

Rows of a block that share an id are taken one after the other, in rounds; everything else is vectorised.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streams.formats.reasons import Kind, Reason
from streams.ledger.cells import NONE
from streams.ledger.counts import Counts
from streams.ledger.known import Seconds, known_ms
from streams.ledger.names import UNSEEN, Names
from streams.ledger.rejects import JoinReject
from streams.ledger.scores import NO_SCORES, score_type
from streams.ledger.spec import MINUTE, NO_TIME
from streams.ledger.sums import Moves
from streams.ledger.table import Hashes, Rows, Slots, Table

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class BlockRows(Protocol):
    """What every kind of rows of a block has: the source they come from, their hashes and positions."""

    source: int
    hashes: Hashes
    position: Ints


class LabelState(IntEnum):
    """What became of a held label. Each is in exactly one state; the audit counts them."""

    WAITING = 0  # no prediction yet
    WINNING = 1  # it is what at least one prediction is counted under
    BEATEN = 2  # another label of the id wins
    BEYOND = 3  # its predictions are out of the horizon's reach
    DELETION = 4  # it withdraws the labels before it
    ORPHAN = 5  # its prediction never came


PREDICTION_COLUMNS = {
    "time": np.int64, "group": np.uint32, "cls": np.uint16, "confidence": np.uint16,
    "label_time": np.int64, "delivered": np.uint32, "label_cls": np.uint16, "label_rank": np.uint8,
    "label_source": np.uint8,
}  # fmt: skip
"""`delivered` is when the counting label was delivered, s."""
SAMPLE_COLUMNS = {"position": np.int64, "source": np.uint16}
"""Where a prediction lies, so that people can find it; `source` is the source in Kafka."""
LABEL_COLUMNS = {
    "time": np.int64, "position": np.int64, "life": np.uint32, "delivered": np.uint32, "cls": np.uint16,
    "source": np.uint16, "rank": np.uint8, "state": np.uint8, "label_source": np.uint8,
}  # fmt: skip
"""`delivered` in s; `source` is the source in Kafka, `label_source` the one that the label names."""


def minutes_up(ms: Ints) -> Ints:
    """Whole minutes, rounded up: the unit in which label rows are freed."""
    return -(-ms // MINUTE)


class Held:
    """The held tables of one partition. `watermark` is set by the join at progress records only."""

    def __init__(self, names: Names, counts: Counts) -> None:
        """Empty tables that write to `counts` and use the codes of `names`."""
        self.names = names
        self.counts = counts
        self.watermark = NO_TIME
        self.sources: list[str] = []
        self.ages = [(f"cls_{i}", age_ms) for i, age_ms in enumerate(names.spec.maturities_ms)]
        self.in_turn = bool(self.ages) or names.spec.label_time
        self.paired = bool(names.spec.paired)
        self.keeps_scores, self.samples = names.spec.keep_scores > 0, names.spec.samples > 0
        columns: dict[str, Any] = PREDICTION_COLUMNS | {name: np.uint16 for name, _ in self.ages}
        if self.in_turn:
            columns["known"] = np.uint32  # when the counting label was known, s, 0: there is none
        if self.paired:
            columns["paired"] = np.bool_  # whether it is in pairs with other versions
        if self.keeps_scores:
            columns["scores"] = score_type(names.spec.keep_scores)
        self.predictions = Table(columns | (SAMPLE_COLUMNS if self.samples else {}))
        self.labels = Table(LABEL_COLUMNS)
        self.states = [0] * len(LabelState)
        self.tally: dict[Reason, int] = {}
        self.counted = 0
        self.rejects: list[JoinReject] = []
        self.first_orphan_minute = 1 << 62

    def advance(self, watermark: int) -> None:
        """The watermark moved: labels whose life ended without a prediction are orphans."""
        self.watermark = watermark
        if self.first_orphan_minute * MINUTE >= watermark:
            return
        column, used = self.labels.column, self.labels.used
        slots = np.flatnonzero(column["state"][:used] == LabelState.WAITING)
        dead = column["life"].take(slots).astype(np.int64) * MINUTE < watermark
        gone, rest = slots[dead], slots[~dead]
        column["state"][gone] = LabelState.ORPHAN
        self.states[LabelState.WAITING] -= len(gone)
        self.states[LabelState.ORPHAN] += len(gone)
        self.first_orphan_minute = int(column["life"][rest].min()) if len(rest) else 1 << 62
        self.tell(gone[np.lexsort((column["position"][gone], column["source"][gone]))], Reason.ORPHAN_LABEL)

    @property
    def nbytes(self) -> int:
        """Bytes of both tables. Cheap: at hand at any time."""
        return self.predictions.nbytes + self.labels.nbytes

    def dump(self) -> dict[str, object]:
        """Everything but the names and counts it shares, when the rejects were taken; for `load`."""
        return {
            "sources": list(self.sources),
            "predictions": self.predictions.dump(self.prediction_alive),
            "labels": self.labels.dump(self.label_alive),
            "states": list(self.states),
            "tally": {str(reason): n for reason, n in self.tally.items()},
            "counted": self.counted,
            "first_orphan_minute": self.first_orphan_minute,
        }

    def load(self, state: Mapping[str, Any], watermark: int) -> None:
        """Fill empty tables with what `dump` gave. Raises ValueError when that is damaged."""
        self.watermark = watermark
        self.sources = list(state["sources"])
        self.predictions.load(state["predictions"])
        self.labels.load(state["labels"])
        self.states = list(state["states"])
        self.tally = {Reason(reason): n for reason, n in state["tally"].items()}
        self.counted = state["counted"]
        self.first_orphan_minute = state["first_orphan_minute"]

    def newest_ms(self) -> list[int]:
        """The greatest event time and label time held, where there are any."""
        times = [t.column["time"][: t.used] for t in (self.predictions, self.labels)]
        return [int(t.max()) for t in times if len(t)]

    def prediction_alive(self, slots: Slots) -> Mask:
        """Which of these predictions can still change a count."""
        column = self.predictions.column
        final_ms = self.names.final_ms.take(column["group"].take(slots))
        alive: Mask = column["time"].take(slots) + final_ms >= self.watermark
        return alive

    def label_alive(self, slots: Slots) -> Mask:
        """Which of these labels may still serve a prediction."""
        alive: Mask = self.labels.column["life"].take(slots).astype(np.int64) * MINUTE >= self.watermark
        return alive

    def near(self, label: Slots, at: Slots) -> Mask:
        """Which of these labels lie within the horizon of the predictions at `at`."""
        p = self.predictions.column
        distance = np.abs(self.labels.column["time"].take(label) - p["time"].take(at))
        within: Mask = distance <= self.names.horizon_ms.take(p["group"].take(at))
        return within

    def mature(self, at: Slots, cls: NDArray[np.uint16] | Ints, known: Seconds) -> None:
        """From `known` on the predictions at `at` count under these classes, at all ages; of several the last does."""
        if not self.ages:
            return
        p = self.predictions.column
        time = p["time"].take(at)
        age = known_ms(known, time) - time
        for name, age_ms in self.ages:
            i = np.flatnonzero(age <= age_ms)
            p[name][at[i]] = cls[i]

    def moves(self, at: Slots) -> Moves:
        """Where the predictions at these slots are counted now."""
        p = self.predictions.column
        true = p["label_cls"].take(at).astype(np.int64)
        true[true >= UNSEEN] = NONE
        return Moves(
            p["time"].take(at),
            p["group"].take(at).astype(np.int64),
            p["cls"].take(at).astype(np.int64),
            true,
            p["confidence"].take(at),
            p["delivered"].take(at),
            p["label_source"].take(at),
            p["known"].take(at) if self.in_turn else np.zeros(0, np.uint32),
            self.at_ages(at),
            p["scores"].take(at) if self.keeps_scores else NO_SCORES,
        )

    def at_ages(self, at: Slots) -> NDArray[np.uint16]:
        """(n, ages): the class under which each of these predictions counts at each label age."""
        p = self.predictions.column
        if not self.ages:
            return np.empty((len(at), 0), np.uint16)
        return np.stack([p[name].take(at) for name, _ in self.ages], axis=1)

    def reject(
        self,
        kind: Kind,
        rows: BlockRows,
        i: Rows,
        reason: Reason,
        late_by: Ints | None = None,
        *,
        counted: bool = True,
    ) -> None:
        """Tell rows of a block; `counted` says whether `tally` is their only book."""
        if not len(i):
            return
        if counted:
            self.tally[reason] = self.tally.get(reason, 0) + len(i)
        name = self.sources[rows.source]
        late = [None] * len(i) if late_by is None else late_by.tolist()
        for (a, b), position, by in zip(rows.hashes[i].tolist(), rows.position[i].tolist(), late, strict=True):
            self.rejects.append(JoinReject(kind, name, position, reason, f"{a:016x}{b:016x}", by))

    def tell(self, label: Slots, reason: Reason) -> None:
        """Tell held labels whose state changed."""
        c = self.labels.column
        for s in label.tolist():
            name, position = self.sources[int(c["source"][s])], int(c["position"][s])
            a, b = self.labels.keys[s].tolist()
            self.rejects.append(JoinReject(Kind.LABEL, name, position, reason, f"{a:016x}{b:016x}"))
