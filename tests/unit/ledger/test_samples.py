"""Samples in flushes: bounded records, told once, and not what people did not ask for."""

from dataclasses import replace

import pytest

from streams.formats.columns import Group
from streams.formats.reasons import Kind
from streams.ledger import chunks as module
from streams.ledger.blocks import Advance, encode
from streams.ledger.flush import Flush, decode
from streams.ledger.hashing import hash_keys
from streams.ledger.intake import Intake
from streams.ledger.join import Join
from streams.ledger.position import SourceId
from streams.ledger.samples import Sample, SampleReason
from streams.ledger.spec import MINUTE, LedgerSpec, Timing
from tests.support.ledger import Label, Prediction, Row, columns

SPEC = LedgerSpec(
    partitions=1, tallies_partitions=2, pane_ms=MINUTE, detail_ms=10 * MINUTE, samples=3,
    timing=Timing(horizon_ms=60 * MINUTE, slack_ms=60 * MINUTE, settle_ms=5 * MINUTE),
)  # fmt: skip
T = 28_333_440 * MINUTE
SOURCES = {Kind.PREDICTION: SourceId("p", 0, "t"), Kind.LABEL: SourceId("l", 0, "t")}


def join_of(spec: LedgerSpec, rows: list[Prediction], labels: list[Label]) -> Join:
    """A partition with these rows, before any time passed."""
    join, intake = Join(spec, 0), Intake(spec, "w")
    for kind, some in ((Kind.PREDICTION, list[Row](rows)), (Kind.LABEL, list[Row](labels))):
        intake.assign(SOURCES[kind], kind, 0, 0)
        for _, record in intake.blocks(SOURCES[kind], columns(list(enumerate(some))), [], len(some), None):
            join.apply(join.position, record)
    return join


def advance(join: Join, minutes: int) -> None:
    """Time moves to so many minutes after T, and a flush becomes due."""
    join.apply(join.position, encode(Advance(f"{minutes}", T + minutes * MINUTE, {})))
    intake = Intake(join.spec, "w")
    for _, record in intake.progress([]):
        join.apply(join.position, record)


def flushed(join: Join) -> list[Flush]:
    return [decode(record) for _, record in join.flush("w")]


WRONG = [Prediction(f"id-{i}", T + i * MINUTE, "a", confidence=0.95) for i in range(8)]
LABELS = [Label(f"id-{i}", T + i * MINUTE, "b") for i in range(8)]


def test_a_sample_says_what_counts_and_where_it_lies() -> None:
    join = join_of(SPEC, WRONG[:1], LABELS[:1])
    advance(join, 14)
    assert not [s for chunk in flushed(join) for s in chunk.samples]
    advance(join, 15)
    assert join.flush_due
    chunks = [chunk for chunk in flushed(join) if chunk.samples]
    [chunk] = chunks
    a, b = join.held.predictions.keys[0].tolist()
    assert chunk.samples == [
        Sample(T // MINUTE, 0, reason, "b", "a", 57_000, f"{a:016x}{b:016x}", "p/0@t", 0)
        for reason in (SampleReason.CONFIDENT_WRONG, SampleReason.WRONG)
    ]
    assert chunk.groups == [Group("m", "1", ("s",))]
    assert chunk.newest == [T]
    advance(join, 119)
    assert not [s for chunk in flushed(join) for s in chunk.samples], "they were told"


def test_a_label_that_comes_late_shows_when_the_pane_is_about_to_be_final() -> None:
    join = join_of(SPEC, WRONG, [])
    advance(join, 60)
    assert not [s for chunk in flushed(join) for s in chunk.samples]
    intake = Intake(SPEC, "w")
    intake.assign(SOURCES[Kind.LABEL], Kind.LABEL, 0, 0)
    batch: list[Row] = list(LABELS)
    for _, record in intake.blocks(SOURCES[Kind.LABEL], columns(list(enumerate(batch))), [], len(batch), None):
        join.apply(join.position, record)
    advance(join, 120)
    assert not [s for chunk in flushed(join) for s in chunk.samples]
    advance(join, 121)
    assert len([s for chunk in flushed(join) for s in chunk.samples]) == 6, "three for each of two reasons"


def test_the_draw_is_by_the_second_word_of_the_hash() -> None:
    rows = [replace(WRONG[0], id=f"id-{i}", confidence=None) for i in range(60)]
    chunks = after_settling(SPEC, rows, [Label(row.id, T, "b") for row in rows])
    words = hash_keys([row.id.encode() for row in rows]).tolist()
    smallest = sorted(words, key=lambda pair: pair[1])[:3]
    assert [s.hash for chunk in chunks for s in chunk.samples] == [f"{a:016x}{b:016x}" for a, b in smallest]


def test_what_the_judges_have_already_is_not_told_again() -> None:
    join = join_of(SPEC, WRONG, LABELS)
    advance(join, 20)
    join.skip_flush()
    assert not [s for chunk in flushed(join) for s in chunk.samples]


def test_without_samples_nothing_is_told_and_nothing_more_is_held() -> None:
    plain = replace(SPEC, samples=0)
    join = join_of(plain, WRONG, LABELS)
    advance(join, 20)
    assert not [s for chunk in flushed(join) for s in chunk.samples]
    more = set(join_of(SPEC, WRONG, LABELS).held.predictions.column) - set(join.held.predictions.column)
    assert more == {"position", "source"}


def test_many_samples_fit_into_records(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(SPEC, samples=1_000)
    rows = [replace(p, id=f"{p.id}-{n}", segment=f"{n:03}" + "ä" * 100) for p in WRONG for n in range(50)]
    labels = [Label(row.id, row.time, "b") for row in rows]
    whole = [s for chunk in after_settling(spec, rows, labels) for s in meaning(chunk)]
    assert len(whole) == 2 * len(rows)
    monkeypatch.setattr(module, "MAX_RECORD_BYTES", 3_000)
    join = join_of(spec, rows, labels)
    advance(join, 20)
    records = join.flush("w")
    assert all(len(record) <= 3_000 for _, record in records)
    assert sum(len(record) for _, record in records) > 1_500 * len(records), "records are filled"
    chunks = [decode(record) for _, record in records]
    assert sorted(s for chunk in chunks for s in meaning(chunk)) == sorted(whole)
    for judge in range(2):
        mine = [chunk for chunk, (p, _) in zip(chunks, records, strict=True) if p == judge]
        assert [chunk.chunk for chunk in mine] == list(range(len(mine)))
        assert [chunk.last for chunk in mine] == [False] * (len(mine) - 1) + [True]


def after_settling(spec: LedgerSpec, rows: list[Prediction], labels: list[Label]) -> list[Flush]:
    join = join_of(spec, rows, labels)
    advance(join, 20)
    return flushed(join)


def meaning(chunk: Flush) -> list[tuple[str, ...]]:
    """Samples by name."""
    return [(chunk.groups[s.group].segments[0], s.reason, s.hash, s.true, str(s.position)) for s in chunk.samples]
