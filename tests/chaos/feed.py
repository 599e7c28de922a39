"""What goes on the raw topics: a seeded stream of predictions, labels and everything that can be wrong with them.

Rule: what must be counted depends on the rows alone, not on when they arrive: every label comes within the horizon and
the slack. So a plain recount of the rows that were sent says what final rows must be, whatever was broken meanwhile.
`live` is the present: windows become final while the faults happen, and a watermark that moves too early loses counts.
A history is of years ago, sixty times as fast, and ends by an operator's record.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

from streams.formats.reasons import Kind
from streams.ledger.spec import LedgerSpec
from tests.support.answers import COUNTS
from tests.support.ledger import Cells, Label, Prediction, Row, recount

HISTORY_MS = 1_714_521_600_000
"""Where a history begins; a multiple of every window here."""

HISTORY_SPEED = 60

LIVE_TABLES = """[windows]
pane = "5s"
sizes = ["10s", "1m"]
horizon = "40s"
slack = "40s"
settle = "5s"
[time]
max_disorder = "2s"
label_disorder = "1s"
"""
HISTORY_TABLES = """[windows]
sizes = ["1h", "7d"]
"""

MODELS = ("fraud", "intent", "spam")
CLASSES = ("no", "yes", "maybe", "später")
SEGMENTS = ("eu", "us", "asia")
LONGEST_DELAY_S = 10.0
JITTER_S = 1.0

WRONG = (b"{", b"", b"\xff\xfe", b'{"model": "fraud"}', b"[1, 2]", b'{"prediction_id": "x", "event_time": "soon"}')


@dataclass(frozen=True, slots=True)
class Event:
    """One record of a raw topic: when it is sent (seconds since the begin), its time (ms); no row: a reject."""

    at_s: float
    delivered_ms: int
    kind: Kind
    id: str
    row: Row | None
    value: bytes


@dataclass(frozen=True, slots=True)
class Feed:
    """All events of a run in the order in which they are sent."""

    events: list[Event]
    live: bool

    @property
    def tables(self) -> str:
        """The part of the job's configuration that goes with it."""
        return LIVE_TABLES if self.live else HISTORY_TABLES


def feed(seed: int, seconds: float, rate_per_s: int, *, live: bool, begin_ms: int) -> Feed:
    """So many predictions and labels a second, for so long; the labels of the last predictions come after that."""
    rng = Random(seed)
    begin_ms, speed = (begin_ms, 1) if live else (HISTORY_MS, HISTORY_SPEED)
    events = [
        Event(at_s, begin_ms + round(at_s * 1000 * speed), _kind_of(row, number), id_, row, value)
        for number in range(round(seconds * rate_per_s / 2.1))
        for at_s, id_, row, value in _of_id(rng, f"{seed}-{number}", rng.random() * seconds, begin_ms, speed)
    ]
    events.sort(key=lambda event: event.at_s)
    return Feed(events, live)


def _kind_of(row: Row | None, number: int) -> Kind:
    if row is None:
        return (Kind.PREDICTION, Kind.LABEL)[number % 2]
    return Kind.PREDICTION if isinstance(row, Prediction) else Kind.LABEL


def _of_id(
    rng: Random, id_: str, at_s: float, begin_ms: int, speed: int
) -> Iterator[tuple[float, str, Row | None, bytes]]:
    """Everything that is ever sent about one id: (when, id, row, value)."""

    def ms(seconds: float) -> int:
        return begin_ms + round(seconds * 1000 * speed)

    model = rng.choice(MODELS)

    def prediction(version: str, seconds: float) -> Prediction:
        cls, segment = rng.choice(CLASSES), rng.choice(SEGMENTS)
        return Prediction(id_, ms(seconds), cls, f"{model}-{version}", segment, None, model)

    rows: list[tuple[float, Row]] = []
    if rng.random() < 0.98:  # the rest are labels of ids that nobody predicted
        rows.append((at_s + rng.random() * JITTER_S, prediction("1", at_s)))
    if rng.random() < 0.05:  # a second version of the same model
        rows.append((at_s + rng.random() * JITTER_S, prediction("2", at_s)))
    if rng.random() < 0.02:  # the same id again, and differently: the earlier one counts
        rows.append((at_s + JITTER_S, prediction("1", at_s + rng.uniform(-0.5, 0.5))))
    if rng.random() < 0.92:
        for n in range(2 if rng.random() < 0.05 else 1):  # a second one corrects the first
            label_s = at_s + min(rng.expovariate(0.5), LONGEST_DELAY_S) + n
            cls = None if rng.random() < 0.02 else rng.choice(CLASSES)
            rows.append((label_s, Label(id_, ms(label_s), cls)))
    for seconds, row in rows:
        value = orjson.dumps(fields_of(row))
        yield seconds, id_, row, value
        if rng.random() < 0.02:  # a producer that repeats itself
            yield seconds + rng.random(), id_, row, value
    if rng.random() < 0.005:
        yield at_s, id_, None, rng.choice(WRONG)


def fields_of(row: Row) -> Mapping[str, Any]:
    """A row as a producer writes it."""
    if isinstance(row, Prediction):
        return {
            "prediction_id": row.id, "model": row.model, "model_version": row.version, "predicted_class": row.cls,
            "event_time": row.time, "segment": row.segment,
        }  # fmt: skip
    fields = {"prediction_id": row.id, "label_time": row.time}
    return {**fields, "op": "delete"} if row.cls is None else {**fields, "true_class": row.cls}


def answers(rows: Iterable[Row], spec: LedgerSpec, size_ms: int) -> list[dict[str, Any]]:
    """What windows of a size must say at last, as `compare_windows` reads it: of everything, and of each segment."""
    totals: dict[tuple[str, int, str], Cells] = defaultdict(Cells)
    for (pane, group, predicted, true), count in recount(rows, spec).items():
        start_ms = pane * spec.pane_ms // size_ms * size_ms
        for segment in ("", group.segments[0]):
            totals[str(segment), start_ms, group.version][pane, group, predicted, true] += count
    return [_answer(*key, cells) for key, cells in totals.items()]


def _answer(segment: str, start_ms: int, version: str, cells: Cells) -> dict[str, Any]:
    by_class = {name: dict.fromkeys(("tp", "fp", "fn", "tn", "support", "predicted"), 0) for name in CLASSES}
    labelled = 0
    for (_, _, predicted, true), count in cells.items():
        if true is None:
            continue
        labelled += count
        by_class[true]["support"] += count
        by_class[predicted]["predicted"] += count
        if predicted == true:
            by_class[true]["tp"] += count
    for cell in by_class.values():
        cell["fp"], cell["fn"] = cell["predicted"] - cell["tp"], cell["support"] - cell["tp"]
        cell["tn"] = labelled - cell["tp"] - cell["fp"] - cell["fn"]
    recalls = [cell["tp"] / cell["support"] for cell in by_class.values() if cell["support"]]
    hits = sum(cell["tp"] for cell in by_class.values())
    answer = {
        "window_start": start_ms, "model_version": version, "n_predictions": cells.total(), "n_labelled": labelled,
        "classes_with_support": len(recalls), "coverage": labelled / cells.total(),
        "accuracy": hits / labelled if labelled else None,
        "balanced_accuracy": sum(recalls) / len(recalls) if recalls else None, "per_class": by_class,
    }  # fmt: skip
    return {"segment": segment, **answer} if segment else answer


def lost_and_doubled(
    found: Mapping[tuple[Any, ...], Mapping[str, Any]], wanted: Iterable[Mapping[str, Any]]
) -> tuple[int, int]:
    """Predictions and labels of all windows over everything that are missing in the rows, and that are too many."""
    lost = doubled = 0
    keys = {("all", answer["window_start"], answer["model_version"]): answer for answer in wanted}
    for key in keys.keys() | {key for key in found if key[0] == "all"}:
        for said, counted in COUNTS[:2]:
            more = found.get(key, {}).get(counted, 0) - keys.get(key, {}).get(said, 0)
            lost, doubled = lost + max(-more, 0), doubled + max(more, 0)
    return lost, doubled
