"""Final rows of scores, delays, label sources and other views are a plain recount of the predictions.

Each example is a seed; cuts, chunks, repeats, zombies, checkpoints and adoptions must not show.
"""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.formats.columns import CONFIDENCE_SCALE
from streams.ledger.cells import DELAY_EDGES_MS, Outcome
from streams.ledger.times import rfc3339
from streams.quality.judge import Judge
from streams.quality.rows import Stream
from streams.quality.settings import Settings
from streams.quality.spec import QualitySpec, parse_window
from tests.support.detailed import At, Recount, detailed_histories
from tests.support.judged import PANE, Rows, judge_all, newest, records, spec_of

SEEDS = st.integers(0, 1 << 32)
SOME = Settings(drift_segments=False, human_sources=("call",))
SPECS = (
    spec_of("4m", ledger_partitions=2, detail_ms=PANE, label_time=True, maturities_ms=(PANE, 3 * PANE), settings=SOME),
    spec_of("4m", "6m/2m", "3m", detail_ms=2 * PANE, label_time=True, settings=SOME),
    spec_of("4m", detail_ms=2 * PANE, maturities_ms=(1000,), max_segment_values=1, settings=SOME, label_time=True),
)
OF_THE_ROUND = {"revision", "watermark"}


def final_rows(spec: QualitySpec, seed: int, order: int, steps: int = 25) -> tuple[Rows, Recount]:
    histories = detailed_histories(Random(seed), spec, steps, finish=True)
    log = records(Random(order), list(histories))
    return newest(row for rows in judge_all(spec, log) for row in rows), Recount(spec, histories)


def at(row: dict[str, Any], spec: QualitySpec) -> At | None:
    """Where a row is from; None for windows that are not whole details."""
    window = next(w for w in spec.windows if w.name == row["window"])
    if window.bucket_ms % spec.detail_ms:
        return None
    start = next(s for s in range(-10 * PANE, 300 * PANE, PANE) if rfc3339(s) == row["window_start"])
    return At(row["model"], row["segment"], window.name, start)


def rows_of(rows: Rows, spec: QualitySpec, stream: str, *fields: str, view: str = "prediction_time") -> set[Any]:
    found = set()
    for (of, _), row in rows.items():
        if of == stream and row["view"] == view and (place := at(row, spec)) is not None:
            found.add((place, *(row[name] for name in fields)))
    return found


def fraction(n: int | Fraction, of: int) -> float | None:
    return float(Fraction(n) / of) if of else None


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
def test_scores_of_final_rows_are_a_recount(spec: QualitySpec, seed: int) -> None:
    rows, recount = final_rows(spec, seed, seed)
    scores, bins = set(), set()
    for place, predictions in recount.of.items():
        scored = [p for p in predictions if p.confidence is not None]
        sums = [p.confidence or 0 for p in scored]
        mean = fraction(Fraction(sum(sums), CONFIDENCE_SCALE), len(sums))
        corrected = len(recount.corrections.get(place, []))
        scores.add((place, len(predictions), corrected, len(scored), mean))
        for b in {p.bin for p in scored}:
            here = [p for p in scored if p.bin == b]
            labelled = [p for p in here if p.actual is not None]
            correct = sum(p.outcome is Outcome.RIGHT for p in labelled)
            confidence = sum(p.confidence or 0 for p in labelled)
            mean = fraction(Fraction(confidence, CONFIDENCE_SCALE), len(labelled))
            bins.add((place, b, len(here), len(labelled), correct, mean, fraction(correct, len(labelled))))
    found = rows_of(rows, spec, Stream.WINDOWS, "predictions", "corrected", "scored", "confidence_mean")
    assert {row for row in found if row[1]} == scores
    fields = ("bin", "predictions", "labelled", "correct", "confidence_mean", "accuracy")
    found = rows_of(rows, spec, Stream.CALIBRATION, *fields)
    assert {row for row in found if row[2] and row[0] in recount.of} == bins


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
def test_delays_and_label_sources_of_final_rows_are_a_recount(spec: QualitySpec, seed: int) -> None:
    rows, recount = final_rows(spec, seed, seed)
    delays, own, pairs = set(), set(), set()
    for place, predictions in recount.of.items():
        if place.segment != "all":
            continue
        labelled = [p for p in predictions if p.actual is not None]
        counts = Counter((cls, p.delay_bin()) for p in labelled for cls in (None, p.actual))
        delays |= {(place, cls, DELAY_EDGES_MS[b] / 1000, n) for (cls, b), n in counts.items()}
        labels = Counter(p.source for p in labelled)
        corrections = Counter(c.source for c in recount.corrections.get(place, []))
        both = Counter(pair for p in labelled if (pair := p.pair()) is not None)
        of_pairs: dict[tuple[str, str], list[int]] = {}
        for ((a, x), (b, y)), n in both.items():
            counted = of_pairs.setdefault((a, b), [0, 0])
            counted[0] += n
            counted[1] += n * (x == y)
        pairs |= {(place, a, b, n, agreeing) for (a, b), (n, agreeing) in of_pairs.items()}
        names = {*labels, *corrections, *(name for pair in of_pairs for name in pair)}
        if names != {""} or corrections:
            wrong = Counter(p.source for p in labelled if p.actual != p.predicted)
            own |= {
                (place, s, None, labels[s], corrections[s], wrong[s] if s == "call" else None) for s in sorted(names)
            }
    found = rows_of(rows, spec, Stream.DELAYS, "class", "delay_from_s", "count")
    assert {row for row in found if row[-1] and row[0] in recount.of} == delays
    found = rows_of(rows, spec, Stream.LABEL_SOURCES, "source", "other", "labels", "corrections", "overridden")
    paired = {(place, name) for place, *names in (pair[:3] for pair in pairs) for name in names}
    # Where only labels without a source are left, their row stands if there was one.
    told = {row for row in found if row[2] is None and row[0] in {place for place, *_ in own}}
    assert {row for row in told if any(row[3:]) or row[:2] in paired} == own
    assert all(row[1] == "" or not any(row[3:]) for row in found - told if row[2] is None and row[0] in recount.of)
    found = rows_of(rows, spec, Stream.LABEL_SOURCES, "source", "other", "labels", "agreeing")
    assert {row for row in found if row[2] is not None and row[0] in recount.of and row[3]} == pairs


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=12, deadline=None)
@given(seed=SEEDS)
def test_other_views_of_final_rows_are_a_recount(spec: QualitySpec, seed: int) -> None:
    rows, recount = final_rows(spec, seed, seed)
    fields = ("predictions", "labelled", "accuracy")
    known = set()
    for place, labelled in recount.known.items():
        right = sum(p.outcome is Outcome.RIGHT for p in labelled)
        known.add((place, len(labelled), len(labelled), fraction(right, len(labelled))))
    found = rows_of(rows, spec, Stream.WINDOWS, *fields, view="label_time")
    assert {row for row in found if row[1]} == known
    for age in spec.maturities_ms:
        wanted = set()
        for place, predictions in recount.of.items():
            early = [p for p in predictions if p.actual is not None and p.delay_ms <= age]
            right = sum(p.outcome is Outcome.RIGHT for p in early)
            wanted.add((place, len(predictions), len(early), fraction(right, len(early))))
        view = f"maturity-{age // 60_000}m" if age % 60_000 == 0 else f"maturity-{age // 1000}s"
        found = rows_of(rows, spec, Stream.WINDOWS, *fields, view=view)
        assert {row for row in found if row[1]} == wanted


def lasting(rows: Rows) -> Rows:
    """What final rows say, without what depends on rounds, and without rows that nothing is left of."""
    return {
        key: {k: v for k, v in row.items() if k not in OF_THE_ROUND | ({"status"} if key[0] == "confusion" else set())}
        for key, row in rows.items()
        if key[0] != Stream.DRIFT and says_something(key[0], row)
    }


def says_something(stream: str, row: dict[str, Any]) -> bool:
    """Whether a row says more than: there is nothing here any more."""
    if stream in {Stream.DELAYS, Stream.CONFUSION}:
        return bool(row["count"])
    if stream == Stream.LABEL_SOURCES and not row["source"]:
        return False  # it stands without others only if there were others
    counts = ("predictions", "predictions_of_class", "support", "labels", "corrections")
    return any(row.get(name) for name in (*counts, "groups"))


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, one=SEEDS, other=SEEDS)
def test_cuts_chunks_repeats_and_zombies_do_not_show(spec: QualitySpec, seed: int, one: int, other: int) -> None:
    first = lasting(final_rows(spec, seed, one)[0])
    assert first == lasting(final_rows(spec, seed, other)[0])
    assert all(row["status"] == "final" for (stream, _), row in first.items() if stream != "confusion")


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, data=st.data())
def test_a_checkpoint_does_not_show(spec: QualitySpec, seed: int, data: st.DataObject) -> None:
    histories = detailed_histories(Random(seed), spec, 15, finish=True)
    log = records(Random(seed), list(histories))
    cuts = data.draw(st.sets(st.integers(0, len(log) - 1), min_size=1, max_size=4))
    judge, whole = Judge(spec, 0), Judge(spec, 0)
    for offset, record in enumerate(log):
        if offset in cuts:
            judge = Judge.load(spec, 0, stored(judge))
        rows = [orjson.dumps(tuple(row)) for row in judge.apply(offset, record)]
        assert rows == [orjson.dumps(tuple(row)) for row in whole.apply(offset, record)]
    assert stored(judge) == stored(whole)


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, share=st.floats(0, 1))
def test_a_quiet_stretch_does_not_show(spec: QualitySpec, seed: int, share: float) -> None:
    histories = detailed_histories(Random(seed), spec, 15, finish=False)
    log = records(Random(seed), list(histories))
    quiet, loud = Judge(spec, 0), Judge(spec, 0)
    for offset, record in enumerate(log):
        skipped = offset < share * len(log)
        rows = quiet.apply(offset, record, quiet=skipped)
        assert rows == ([] if skipped else loud.apply(offset, record))
        if skipped:
            loud.apply(offset, record)
    assert stored(quiet) == stored(loud)


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, share=st.floats(0, 1))
def test_an_adoption_does_not_show(spec: QualitySpec, seed: int, share: float) -> None:
    histories = detailed_histories(Random(seed), spec, 15, finish=True)
    log = records(Random(seed), list(histories))
    cut = round(share * (len(log) - 2 * spec.ledger_partitions))  # a round follows
    other = replace(spec, windows=(*spec.windows, parse_window("2m")), min_support=1)
    judge, rows = Judge(spec, 0), list[Any]()
    for offset, record in enumerate(log):
        if offset == cut:
            judge = Judge.adopt(other, 0, stored(judge))
            judge = Judge.adopt(spec, 0, stored(judge))
        rows += judge.apply(offset, record)
    reference = newest(row for said in judge_all(spec, log) for row in said)
    assert lasting(newest(rows)) == lasting(reference)


def stored(judge: Judge) -> Any:
    """A state as it is read back."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(judge.dump()), strict=False)
