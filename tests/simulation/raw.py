"""What a seed puts on the raw topics: predictions, labels and rubbish, and when each record can be read.

Every row of the main part is in time by the contract: a prediction within the disorder, a label delivered within the
slack, often only just, so that a watermark that moves too early loses one. Stragglers come when all is final; none of
them counts. Rule: nothing here depends on the faults, so that two runs over one seed must end with equal rows.
"""

from dataclasses import dataclass, field
from random import Random

from streams.formats.reasons import Kind
from streams.ledger.position import SourceId
from streams.ledger.spec import MINUTE, LedgerSpec, Timing
from tests.support.ledger import Label, Prediction, Row

ORIGIN = 28_333_440 * MINUTE
"""Where event time begins; every window of the simulation divides it."""

HORIZON, SLACK, SETTLE, PANE, DETAIL = 60, 30, 10, 10, 20
LABEL_SOURCES = ("", "human", "audit")
TIMING = Timing(HORIZON * MINUTE, SLACK * MINUTE, SETTLE * MINUTE)
SLOW_HORIZON = 90
SLOW = Timing(SLOW_HORIZON * MINUTE, SLACK * MINUTE, 2 * SETTLE * MINUTE)
LIVE = ("live", "silent", "outage", "paused", "ahead")
HISTORY = ("predictions first", "labels first", "loaded at once")
MODES = (*LIVE, *HISTORY)
"""How the records come. silent: a label partition is empty; outage: partitions have no owner for a while; paused:
nobody writes for hours; ahead: the clock of one producer of predictions is an hour ahead; and three ways of a history.
"""

AHEAD = 60 * MINUTE
SIZES = ((3, 8), (3, 8), (3, 8), (6, 16), (6, 16), (16, 50))
"""Ids of a run, from and to: most runs are small."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a raw topic: when it can be read (ms), and its row; None cannot be decoded."""

    at_ms: int
    row: Row | None


@dataclass(slots=True)
class Raw:
    """The raw topics of one seed: each source's records in offset order, and how they come about."""

    seed: int
    mode: str
    span_ms: int
    begin_ms: int  # the wall clock at the start
    ids: int = 0
    sources: dict[SourceId, list[Record]] = field(default_factory=dict)
    kinds: dict[SourceId, Kind] = field(default_factory=dict)
    stragglers: dict[SourceId, list[Row]] = field(default_factory=dict)
    unowned: SourceId | None = None  # announced, never read, retired in the end

    @property
    def history(self) -> bool:
        """Whether all of it happened long before it is read."""
        return self.mode in HISTORY

    @property
    def rows(self) -> list[Row]:
        """The rows that must be counted."""
        return [record.row for log in self.sources.values() for record in log if record.row is not None]

    @property
    def over_ms(self) -> int:
        """Event time at which every window is final, for every model."""
        return ORIGIN + self.span_ms + (SLOW_HORIZON + SLACK + 60) * MINUTE


KEPT: tuple[tuple[tuple[tuple[str, int], ...], int], ...] = (
    ((), 0), ((("a", 45_000), ("b", 15_000)), 2_250_000_000), ((("ç", 60_000),), 3_600_000_000),
    ((("b", 30_000), ("a", 18_000)), 0),
)  # fmt: skip
"""Scores that predictions keep, and the sums of their squares."""


def ledger_spec(rng: Random) -> LedgerSpec:
    """Minutes where a deployment has hours and days; partitions by the run, since rows must not show them."""
    return LedgerSpec(
        partitions=rng.randint(1, 3),
        tallies_partitions=rng.randint(1, 2),
        pane_ms=PANE * MINUTE,
        detail_ms=DETAIL * MINUTE,
        timing=TIMING,
        models=(("n", SLOW),),
        max_disorder_ms=5 * MINUTE,
        label_disorder_ms=1 * MINUTE,
        idle_after_ms=8 * MINUTE,
        live_within_ms=200 * MINUTE,
        positive="b",
        label_time=True,
        maturities_ms=(0, 20 * MINUTE, 60 * MINUTE),
        keep_scores=2,
        samples=2,
        paired=("m",),
        config_hash="simulation",
    )


def raw_of(seed: int, mode: str | None = None) -> Raw:
    """The raw topics of a seed."""
    rng = Random(seed)
    mode = mode or MODES[seed % len(MODES)]
    few, many = rng.choice(SIZES)
    ids = rng.randint(few, many)
    raw = Raw(seed, mode, rng.randrange(80, 160 + 2 * ids) * MINUTE, ORIGIN, ids)
    for kind, topic in ((Kind.PREDICTION, "p"), (Kind.LABEL, "l")):
        for partition in range(rng.randint(1, 2)):
            source = SourceId(topic, partition, "t")
            raw.kinds[source] = kind
            raw.sources[source] = []
    if rng.random() < 0.25:
        raw.unowned = SourceId("p", 9, "t")
    chance = {
        name: rng.choice((0.0, 0.15, 0.4)) for name in ("conflict", "correct", "delete", "beyond", "repeat", "v2")
    }
    pause = (raw.span_ms // 2, rng.randint(3, 8) * 60 * MINUTE) if mode == "paused" else (0, 0)
    for i in range(raw.ids):
        at = rng.randrange(raw.span_ms)
        for row in _rows_of_id(rng, f"id-{i}", at + pause[1] * (at > pause[0]), chance):
            _put(rng, raw, row)
    raw.span_ms += pause[1]
    for source, log in raw.sources.items():
        for _ in range(rng.randrange(3)):
            log.append(Record(ORIGIN + rng.randrange(raw.span_ms), None))
        log.sort(key=lambda record: record.at_ms)
        raw.stragglers[source] = [_straggler(rng, raw, raw.kinds[source], n) for n in range(rng.randrange(3))]
    _place_in_time(rng, raw)
    return raw


def _rows_of_id(rng: Random, name: str, at: int, chance: dict[str, float]) -> list[Row]:
    model = rng.choice("mmmn")
    time = ORIGIN + at

    def prediction(version: str, event: int) -> Prediction:
        return Prediction(
            name, event, rng.choice("abç"), version, rng.choice("xy"), rng.choice((None, 0.0, 0.25, 0.9)), model,
            event + rng.randrange(4 * MINUTE), *KEPT[event // MINUTE % len(KEPT)],
        )  # fmt: skip

    rows: list[Row] = []
    if rng.random() < 0.93:
        rows.append(prediction("1", time))
    if rng.random() < chance["v2"]:
        rows.append(prediction("2", time + rng.randrange(20) * MINUTE))
    if rng.random() < chance["conflict"]:
        rows.append(prediction("1", time + rng.randrange(-8, 8) * MINUTE))
    horizon = (SLOW_HORIZON if model == "n" else HORIZON) * MINUTE
    delays: dict[tuple[int, str | None, int], int] = {}
    for _ in range(rng.choice((0, 1, 1, 1, 2)) + (rng.random() < chance["correct"])):
        label_time = time + rng.choice(
            (0, horizon, rng.randrange(horizon), rng.randrange(horizon), -rng.randrange(horizon))
        )
        if rng.random() < chance["beyond"]:
            label_time = time + horizon + rng.randrange(horizon)
        cls = None if rng.random() < chance["delete"] else rng.choice("abç")
        delay = rng.choice((SLACK * MINUTE - 1, rng.randrange(SLACK * MINUTE)))
        source = LABEL_SOURCES[(label_time - ORIGIN) // 1000 % len(LABEL_SOURCES)]
        rank = rng.choice((0, 0, 1))
        delay = delays.setdefault((label_time, cls, rank), delay)  # the same label twice is known from the first on
        rows.append(Label(name, label_time, cls, rank, label_time + delay, source))
    return rows + [row for row in rows if rng.random() < chance["repeat"]]


def _put(rng: Random, raw: Raw, row: Row) -> None:
    kind = Kind.PREDICTION if isinstance(row, Prediction) else Kind.LABEL
    source = rng.choice([s for s, k in raw.kinds.items() if k is kind])
    raw.sources[source].append(Record(row.delivered, row))


def _straggler(rng: Random, raw: Raw, kind: Kind, n: int) -> Row:
    """A row of long ago that comes when all is final, under a known id or a new one."""
    name = rng.choice((f"id-{rng.randrange(20)}", f"late-{n}"))
    time = ORIGIN + rng.randrange(raw.span_ms)
    if kind is Kind.PREDICTION:
        return Prediction(name, time, rng.choice("abç"), "1", "x", None, rng.choice("mn"), raw.over_ms)
    return Label(name, time, rng.choice(("a", "b", None)), 1, raw.over_ms)


def _place_in_time(rng: Random, raw: Raw) -> None:
    """When each record can be read: as delivered, or all at once long afterwards."""
    if raw.mode == "ahead":
        early = rng.choice([s for s, kind in raw.kinds.items() if kind is Kind.PREDICTION])
        raw.sources[early] = [Record(record.at_ms - AHEAD, record.row) for record in raw.sources[early]]
    if raw.mode == "silent":
        quiet = rng.choice([s for s, kind in raw.kinds.items() if kind is Kind.LABEL])
        log = raw.sources[quiet]
        raw.sources[quiet] = [] if rng.random() < 0.5 else log[len(log) // 2 :]
    if not raw.history:
        return
    raw.begin_ms = ORIGIN + 5000 * MINUTE
    later = {"predictions first": Kind.LABEL, "labels first": Kind.PREDICTION}.get(raw.mode)
    for source, log in raw.sources.items():
        at = raw.begin_ms + (rng.randint(10, 90) * MINUTE if raw.kinds[source] is later else 0)
        raw.sources[source] = [Record(at, record.row) for record in log]
