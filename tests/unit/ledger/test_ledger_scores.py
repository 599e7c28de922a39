"""Kept scores as a column, and ranks, Brier scores and log-losses of labelled rows as integers."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.formats.columns import NO_CLASS, NO_KEPT, Kept
from streams.formats.reasons import Kind, Reason
from streams.ledger import intake as intakes
from streams.ledger.blocks import Block, decode
from streams.ledger.intake import Intake
from streams.ledger.join import Join
from streams.ledger.position import SourceId
from streams.ledger.scores import content, nothing, outcomes, packed, recoded, score_type
from streams.ledger.spec import LedgerSpec
from tests.support.ledger import Prediction, columns

WHOLE = 3_600_000_000


def kept(rows: list[list[tuple[str, int]]], squares: list[int], keep: int = 2) -> Kept:
    names = sorted({name for row in rows for name, _ in row}, reverse=True)
    out = Kept(
        np.full((len(rows), keep), NO_KEPT, np.uint32), np.zeros((len(rows), keep), np.uint16),
        np.array(squares, np.uint32), [*names, "unused"],
    )  # fmt: skip
    for i, row in enumerate(rows):
        for rank, (name, p) in enumerate(row):
            out.codes[i, rank], out.scores[i, rank] = names.index(name), p
    return out


ROWS = [[("b", 45_000), ("a", 15_000)], [("c", 60_000)], [], [("a", 30_000), ("b", 18_000)]]
SQUARES = [2_250_000_000, WHOLE, 0, 0]


def test_a_column_has_the_rows_that_are_asked_for_and_their_classes_alone() -> None:
    scores, classes = packed(kept(ROWS, SQUARES), np.array([0, 2, 3]))
    assert sorted(classes) == ["a", "b"]
    assert [content(row, classes) for row in scores] == [
        (2_250_000_000, [(b"b", 45_000), (b"a", 15_000)]), (0, []), (0, [(b"a", 30_000), (b"b", 18_000)])
    ]  # fmt: skip
    assert score_type(2).itemsize == 12
    assert scores.tobytes() == np.frombuffer(scores.tobytes(), score_type(2)).tobytes()


def test_classes_get_other_numbers_and_a_refused_one_takes_its_row() -> None:
    scores, classes = packed(kept(ROWS, SQUARES), np.arange(4))
    known = ["x", "a", "b"]
    again = recoded(scores, np.array([known.index(c) if c in known else -1 for c in classes]))
    assert [content(row, known) for row in again] == [
        (2_250_000_000, [(b"b", 45_000), (b"a", 15_000)]), (0, []), (0, []), (0, [(b"a", 30_000), (b"b", 18_000)])
    ]  # fmt: skip
    assert again[1].tobytes() == nothing(1, 2).tobytes()
    assert content(scores[1], classes) == (WHOLE, [(b"c", 60_000)]), "the column it was made of is as it was"


def test_more_classes_than_codes_cost_rows_their_scores_only() -> None:
    n = NO_CLASS + 1
    many = Kept(
        np.arange(n, dtype=np.uint32).reshape(-1, 2), np.full((n // 2, 2), 30_000, np.uint16),
        np.full(n // 2, 1_800_000_000, np.uint32), [str(i) for i in range(n)],
    )  # fmt: skip
    scores, classes = packed(many, np.arange(n // 2))
    assert len(classes) == NO_CLASS
    assert content(scores[-2], classes) == (1_800_000_000, [(b"65532", 30_000), (b"65533", 30_000)])
    assert scores[-1].tobytes() == nothing(1, 2).tobytes()


def test_ranks_and_losses_of_labelled_rows() -> None:
    scores, classes = packed(kept(ROWS, SQUARES), np.array([0, 0, 0, 1, 1, 2, 3, 3]))
    place = {name: code for code, name in enumerate([*classes, "other"])}
    found = outcomes(scores, np.array([place[c] for c in ("b", "a", "c", "c", "a", "a", "b", "other")]))
    assert found.rank.tolist() == [1, 2, 0, 1, 0, -1, 2, 0]
    assert found.proper.tolist() == [True, True, True, True, True, False, False, False]
    proper = found.proper
    assert found.brier[proper].tolist() == [125_000, 1_125_000, 1_625_000, 0, 2_000_000]
    assert found.log_loss[proper].tolist() == [
        round(-1e6 * math.log(p)) for p in (0.75, 0.25, 1 / 120_000, 1, 1 / 120_000)
    ]  # fmt: skip


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=5).filter(sum), st.integers(0, 5))
def test_losses_are_those_of_the_formulas(weights: list[int], true: int) -> None:
    p = [w / sum(weights) for w in weights]
    fixed = [round(x * 60_000) for x in p]
    order = sorted(range(len(p)), key=lambda i: -fixed[i])
    scores = nothing(1, 5)
    scores["cls"][0, : len(p)], scores["p"][0, : len(p)] = order, [fixed[i] for i in order]
    scores["squares"] = round(math.fsum(x * x for x in p) * WHOLE)
    found = outcomes(scores, np.array([true]))
    exact = [x - (i == true) for i, x in enumerate([*p, *[0.0] * 5][:6])]
    assert abs(int(found.brier[0]) / 1e6 - math.fsum(x * x for x in exact)) < 2e-5
    of_true = ([*fixed, *[0] * 5][true]) / 60_000
    assert int(found.log_loss[0]) == round(-1e6 * math.log(max(of_true, 1 / 120_000)))
    assert int(found.rank[0]) == (order.index(true) + 1 if true in order else 0)


SPEC = LedgerSpec(partitions=1, keep_scores=2)
SOURCE = SourceId("p", 0, "t")


def sent(spec: LedgerSpec, rows: list[Prediction], keep: int) -> list[bytes]:
    """The records of predictions that keep scores."""
    intake = Intake(spec, "w")
    intake.assign(SOURCE, Kind.PREDICTION, 0, 0)
    return [r for _, r in intake.blocks(SOURCE, columns(list(enumerate(rows)), keep), [], len(rows), None)]


def said(block: Block) -> list[tuple[int, list[tuple[bytes, int]]]]:
    assert block.scores is not None
    return [content(row, block.score_classes) for row in block.scores]


def test_scores_travel_in_blocks_of_any_size_with_the_classes_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        Prediction(f"id-{i}", i, "a", scores=((f"c{i}", 40_000), (f"c{i % 7}x", 20_000)), squares=i) for i in range(300)
    ]
    [record] = sent(SPEC, rows, 2)
    block = decode(record)
    assert isinstance(block, Block)
    whole = [(i, [(f"c{i}".encode(), 40_000), (f"c{i % 7}x".encode(), 20_000)]) for i in range(300)]
    assert said(block) == whole
    monkeypatch.setattr(intakes, "MAX_RECORD_BYTES", 2_000)
    parts = [decode(r) for r in intakes.encode_bounded(block)]
    assert len(parts) > 10
    assert [row for part in parts if isinstance(part, Block) for row in said(part)] == whole
    for part in parts:
        assert isinstance(part, Block)
        assert len(part.score_classes) <= 2 * len(part)


def test_scores_of_another_width_are_refused_and_none_are_needed() -> None:
    rows = [Prediction("id", 0, scores=(("a", 60_000),), squares=WHOLE)]
    with pytest.raises(ValueError, match="keeps 3 scores a row, this partition keeps 2"):
        Join(SPEC, 0).apply(0, sent(SPEC, rows, 3)[0])
    for spec, keep in ((SPEC, 0), (LedgerSpec(partitions=1), 2)):
        join = Join(spec, 0)
        join.apply(0, sent(spec, rows, keep)[0])
        assert join.counts.unlabelled == 1
        assert ("scores" in join.held.predictions.column) == (spec is SPEC)


def test_scores_take_no_room_from_classes_that_are_predicted() -> None:
    spec = LedgerSpec(partitions=1, keep_scores=2, max_classes=4)
    join = Join(spec, 0)
    rows = [
        Prediction("1", 0, "a", scores=(("a", 40_000), ("x", 20_000))),
        Prediction("2", 0, "b", scores=(("b", 40_000), ("y", 20_000))),
        Prediction("3", 0, "c", scores=(("c", 40_000), ("b", 20_000))),
        Prediction("4", 0, "d", scores=(("d", 40_000), ("a", 20_000))),
    ]
    for offset, row in enumerate(rows):
        for _, record in after(offset, row):
            join.apply(offset, record)
    assert join.names.classes == ["a", "x", "b", "c"]
    held = join.held.predictions.column["scores"][: join.held.predictions.used]
    assert [content(row, join.names.classes)[1] for row in held] == [
        [(b"a", 40_000), (b"x", 20_000)], [], [(b"c", 40_000), (b"b", 20_000)]
    ]  # fmt: skip
    assert [reject.reason for reject in join.take_rejects()] == [Reason.CLASS_LIMIT]


def after(offset: int, row: Prediction) -> list[tuple[int, bytes]]:
    """The record of the next row."""
    intake = Intake(SPEC, "w")
    intake.assign(SOURCE, Kind.PREDICTION, offset, 0)
    return intake.blocks(SOURCE, columns([(offset, row)], 2), [], offset + 1, None)


@pytest.mark.parametrize("copies", [1, 12])
def test_predictions_that_differ_in_their_scores_alone_are_a_conflict_that_the_order_cannot_decide(copies: int) -> None:
    one = Prediction("id", 0, "a", scores=(("a", 40_000), ("b", 20_000)), squares=2_000_000_000)
    two = Prediction("id", 0, "a", scores=(("b", 40_000), ("a", 20_000)), squares=2_000_000_000)
    for rows in ([one, two] * copies, [two, one] * copies):
        join = Join(SPEC, 0)
        join.apply(0, sent(SPEC, rows, 2)[0])
        [row] = join.held.predictions.column["scores"][:1]
        assert content(row, join.names.classes)[1] == [(b"a", 40_000), (b"b", 20_000)]
        reasons = Counter(reject.reason for reject in join.take_rejects())
        assert reasons.total() == 2 * copies - 1
        assert reasons[Reason.CONFLICTING_PREDICTION] >= copies
