"""From prediction and label records to rows, over the real intake and join: what comes out is a plain recount."""

import random
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.formats.reasons import Kind
from streams.ledger.intake import Intake
from streams.ledger.join import Join
from streams.ledger.position import SourceId
from streams.ledger.spec import LedgerSpec, Timing
from streams.ledger.times import rfc3339
from streams.quality.judge import Judge
from streams.quality.spec import QualitySpec, WindowSpec
from tests.support.judged import ALL_ONLY, newest
from tests.support.ledger import Label, Prediction, Row, columns, recount

TIMING = Timing(horizon_ms=60, slack_ms=10_000, settle_ms=10)
LEDGER = LedgerSpec(partitions=3, tallies_partitions=2, pane_ms=10, timing=TIMING)
WINDOWS = (WindowSpec("30ms", 30, 30), WindowSpec("60ms/20ms", 60, 20))
QUALITY = QualitySpec(
    WINDOWS, pane_ms=10, timing=TIMING, dimensions=("segment",), ledger_partitions=3, settings=ALL_ONLY
)
ORIGIN = 1_000_000

ids = st.integers(0, 5).map(lambda i: f"id-{i}")
times = st.sampled_from([0, 1, 9, 10, 30, 60, 61, 90, 91, 150]).map(lambda t: ORIGIN + t)
models = st.sampled_from(["m", "n", "o"])
predictions = st.builds(
    Prediction, ids, times, st.sampled_from("abç"), st.sampled_from("12"), st.sampled_from("xy"), model=models
)
labels = st.builds(Label, ids, times, st.sampled_from(["a", "b", "ç", None]), st.integers(0, 2))


def rows_of(rows: list[Row], seed: int) -> dict[tuple[str, str], dict[str, Any]]:
    """The newest rows after random batches, repeats of ledger records and flushes anywhere."""
    rng = random.Random(seed)
    intake = Intake(LEDGER, "w")
    joins = [Join(LEDGER, p) for p in range(LEDGER.partitions)]
    judges = [Judge(QUALITY, p) for p in range(LEDGER.tallies_partitions)]
    offsets = [0] * len(joins)
    written = []

    def tell(sends: list[tuple[int, bytes]]) -> None:
        for p, record in sends:
            for _ in range(rng.choice([1, 1, 2])):
                joins[p].apply(offsets[p], record)
                offsets[p] += 1

    def flush(p: int) -> None:
        for judge, record in joins[p].flush("a"):
            written.extend(judges[judge].apply(judges[judge].position, record))

    parts: dict[SourceId, list[Row]] = {
        SourceId("p", 0, "t"): [r for r in rows if isinstance(r, Prediction)],
        SourceId("l", 0, "t"): [r for r in rows if isinstance(r, Label)],
    }
    for source in parts:
        intake.assign(source, Kind.PREDICTION if source.topic == "p" else Kind.LABEL, 0, 0)
    at = dict.fromkeys(parts, 0)
    while waiting := [s for s, part in parts.items() if at[s] < len(part)]:
        source = rng.choice(waiting)
        end = min(len(parts[source]), at[source] + rng.randint(1, 8))
        batch = [(n, parts[source][n]) for n in range(at[source], end)]
        tell(list(intake.blocks(source, columns(batch), [], end, None)))
        at[source] = end
        if rng.random() < 0.5:
            flush(rng.randrange(len(joins)))
    for _ in range(2):  # the second time, every partition speaks after all others have said everything
        tell(list(intake.progress(parts)))
        for p in range(len(joins)):
            flush(p)
    return newest(written)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(predictions, labels), max_size=50), st.integers(0, 1 << 32))
def test_rows_are_a_recount_of_the_records(rows: list[Row], seed: int) -> None:
    sizes: Counter[tuple[str, ...]] = Counter()
    cells: Counter[tuple[str, ...]] = Counter()
    for (pane, group, predicted, true), n in recount(rows, LEDGER).items():
        for window in WINDOWS:
            for start in window.starts(pane * 10):
                for segment in ("all", f"segment={group.segments[0]}"):
                    place = (group.model, group.version, segment, window.name, rfc3339(start))
                    sizes[place] += n
                    if true is not None:
                        cells[*place, true, predicted] += n
    names = ("model", "model_version", "segment", "window", "window_start")
    found = rows_of(rows, seed)
    seen_sizes = {
        tuple(row[x] for x in names): row["predictions"]
        for (stream, _), row in found.items()
        if stream == "windows" and row["predictions"]
    }
    seen_cells = {
        tuple(row[x] for x in (*names, "actual", "predicted")): row["count"]
        for (stream, _), row in found.items()
        if stream == "confusion" and row["count"]
    }
    assert seen_sizes == dict(sizes)
    assert seen_cells == dict(cells)
