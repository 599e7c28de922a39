"""A join goes on from its dumped state exactly as if nothing had happened: same flushes, same rejects, same audit."""

import random
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.formats.reasons import Kind, Reason
from streams.ledger import counts
from streams.ledger.blocks import Advance
from streams.ledger.blocks import encode as encode_record
from streams.ledger.cells import KIND_SHIFT, CellKind
from streams.ledger.intake import Intake
from streams.ledger.join import Join
from streams.ledger.position import SourceId
from streams.ledger.spec import MINUTE, LedgerSpec, Timing
from tests.support.ledger import Label, Prediction, Row, columns

SPEC = LedgerSpec(
    partitions=1, tallies_partitions=2, pane_ms=MINUTE, max_disorder_ms=MINUTE, label_disorder_ms=MINUTE,
    timing=Timing(horizon_ms=5 * MINUTE, slack_ms=5 * MINUTE, settle_ms=MINUTE), max_classes=3, max_groups=4,
    paired=("m",),
)  # fmt: skip
ORIGIN = 1_000 * MINUTE

ids = st.integers(0, 12).map(lambda i: f"id-{i}")
minutes = st.integers(0, 30).map(lambda m: ORIGIN + m * MINUTE)
predictions = st.builds(
    Prediction, ids, minutes, st.sampled_from("abcd"), st.sampled_from("12"), st.sampled_from("xyz"),
    st.sampled_from([None, 0.0, 0.37, 1.0]),
)  # fmt: skip
labels = st.builds(Label, ids, minutes, st.sampled_from(["a", "b", "c", None]), st.integers(0, 2))


def ledger(rows: list[Row], rng: random.Random) -> list[bytes]:
    """The rows roughly in the order of time, in blocks, with progress records in between."""
    rows = sorted(rows, key=lambda r: r.time + rng.randint(0, 3) * MINUTE)
    intake = Intake(SPEC, "w")
    sources = {Kind.PREDICTION: SourceId("p", 0, "t"), Kind.LABEL: SourceId("l", 0, "t")}
    for kind, source in sources.items():
        intake.assign(source, kind, 0, 0)
    ends = dict.fromkeys(sources, 0)
    log: list[bytes] = []
    while rows:
        kind = Kind.PREDICTION if isinstance(rows[0], Prediction) else Kind.LABEL
        batch: list[Row] = []
        while rows and isinstance(rows[0], Prediction) == (kind is Kind.PREDICTION) and len(batch) < 6:
            batch.append(rows.pop(0))
        begin, ends[kind] = ends[kind], ends[kind] + len(batch)
        rubbish = [(begin, Reason.NOT_JSON, None)] if rng.random() < 0.1 else []
        decoded = columns(list(enumerate(batch, begin)))
        decoded.kind = kind
        log += [r for _, r in intake.blocks(sources[kind], decoded, rubbish, ends[kind], None)]
        if rng.random() < 0.5:
            log += [r for _, r in intake.progress(sources.values())]
    far = {str(source): ends[kind] + 1 for kind, source in sources.items()}
    log.append(encode_record(Advance("never", ORIGIN, far)))
    return log + [r for _, r in intake.progress(sources.values())]


def step(join: Join, offset: int, record: bytes) -> list[Any]:
    """What a record brings when every chance to flush is taken; in which order rejects are told does not matter."""
    join.apply(offset, record)
    if not join.flush_allowed:
        return []
    rejects = sorted(join.take_rejects(), key=lambda r: (r.source, r.position))
    return [join.flush("w"), rejects, join.audit(), join.time.explain()]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(predictions, labels), max_size=80), st.randoms(use_true_random=False))
def test_a_loaded_state_goes_on_as_the_one_that_was_dumped(rows: list[Row], rng: random.Random) -> None:
    join, copies = Join(SPEC, 0), list[Join]()
    for offset, record in enumerate(ledger(rows, rng)):
        said = step(join, offset, record)
        for copy in copies:
            assert step(copy, offset, record) == said
        if said:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(join.dump()), strict=False)
            copies.append(Join.load(SPEC, 0, state))
            del copies[:-3]


@pytest.mark.parametrize("most", [1, 2, 3, 5, 9])
def test_corrections_are_told_whenever_moves_are_summed(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums that wait settle at any moment; cells must say as many corrections as the book while none is dropped."""
    monkeypatch.setattr(counts, "_WAITING_ROWS", most)
    spec = replace(SPEC, timing=Timing(horizon_ms=500 * MINUTE, slack_ms=500 * MINUTE, settle_ms=MINUTE))
    for seed in range(10):
        rng, join = random.Random(seed), Join(spec, 0)
        rows: list[Row] = []
        for _ in range(60):
            name, minute, cls = f"id-{rng.randint(0, 12)}", ORIGIN + rng.randint(0, 30) * MINUTE, rng.choice("abc")
            labelled = rng.random() < 0.6
            rows.append(Label(name, minute, cls, rng.randint(0, 2)) if labelled else Prediction(name, minute, cls))
        for offset, record in enumerate(ledger(rows, rng)):
            join.apply(offset, record)
            if join.flush_allowed:
                join.flush("w")
                for state in (join, Join.load(spec, 0, join.dump())):
                    cells = [
                        n
                        for slot in state.counts.slots.values()
                        for code, n in slot.items()
                        if code >> KIND_SHIFT == CellKind.CORRECTED
                    ]
                    assert sum(cells) == state.counts.corrected == join.counts.corrected
        assert join.counts.corrected


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: s.update(format=99), lambda s: s.pop("held"), lambda s: s["held"]["labels"].update(keys=b"1234567"),
        lambda s: s["counts"].update(keys=b""), lambda s: s["books"].update(strange=1), lambda s: s.update(time=[]),
    ],
)  # fmt: skip
def test_a_damaged_state_is_refused(damage: Any) -> None:
    join, rng = Join(SPEC, 0), random.Random(1)
    rows: list[Row] = [Prediction("a", ORIGIN), Prediction("b", ORIGIN), Label("a", ORIGIN)]
    for offset, record in enumerate(ledger(rows, rng)):
        step(join, offset, record)
    state = join.dump()
    damage(state)
    with pytest.raises(ValueError, match=r"format|damaged|belong"):
        Join.load(SPEC, 0, state)
