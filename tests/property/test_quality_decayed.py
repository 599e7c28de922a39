"""Rows of decayed windows are a weighted recount of single predictions, in any cuts and behind any checkpoint."""

from fractions import Fraction
from math import isclose
from random import Random
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ledger.cells import CellKind
from streams.ledger.spec import Timing
from streams.ledger.times import rfc3339
from streams.quality.judge import Judge
from streams.quality.rows import Stream
from tests.support.judged import PANE, History, Prediction, judge_all, newest, random_histories, records, spec_of
from tests.support.told import Told, at

SEEDS = st.integers(0, 1 << 32)
HALF_LIFE = 6
AT_ONCE = Timing(horizon_ms=2 * PANE, slack_ms=PANE, settle_ms=3 * PANE)
SPEC = spec_of("decayed-6m", timing=AT_ONCE, ledger_partitions=2)
"""Settles when nothing can change any more, so that rows can be counted again from what is left in the end."""

Key = tuple[str, str, str, str]


def recounted(histories: list[History]) -> dict[Key, tuple[int, int, float | None, float | None]]:
    """Predictions, labelled, accuracy and balanced accuracy by model, version, segment and end."""
    weights: dict[Key, list[tuple[int, str, str | None]]] = {}
    for history in histories:
        for (pane, group), cells in history.counts.items():
            for (kind, predicted, actual), n in cells.items():
                if kind != CellKind.CONFUSION or not n:
                    continue
                for age in range(16 * HALF_LIFE):
                    weight = n * round((1 << 20) * 0.5 ** (age / HALF_LIFE))
                    for segment in ("all", f"country={group.segments[0]}"):
                        key = (group.model, group.version, segment, rfc3339((pane + age + 1) * PANE))
                        weights.setdefault(key, []).append((weight, predicted, actual))
    return {key: measured(every) for key, every in weights.items()}


def measured(every: list[tuple[int, str, str | None]]) -> tuple[int, int, float | None, float | None]:
    labelled = [(w, p, a) for w, p, a in every if a is not None]
    total, labels = (sum(w for w, *_ in some) for some in (every, labelled))
    rounded = [int(Fraction(w, 1 << 20) + Fraction(1, 2)) for w in (total, labels)]
    if not labels:
        return rounded[0], rounded[1], None, None
    recalls = []
    for cls in {a for _, _, a in labelled}:
        support = sum(w for w, _, a in labelled if a == cls)
        recalls.append(Fraction(sum(w for w, p, a in labelled if a == cls == p), support))
    right = Fraction(sum(w for w, p, a in labelled if p == a), labels)
    return rounded[0], rounded[1], float(right), float(sum(recalls) / len(recalls))


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, order=SEEDS)
def test_final_rows_are_a_weighted_recount(seed: int, order: int) -> None:
    histories = random_histories(Random(seed), SPEC, 12, finish=True)
    rows = newest(row for said in judge_all(SPEC, records(Random(order), histories)) for row in said)
    wanted = recounted(histories)
    found: dict[Key, Any] = {}
    for (stream, _), row in rows.items():
        assert (stream, row["window"], row["window_start"], row["status"]) == (
            Stream.WINDOWS, "decayed-6m", None, "final",
        )  # fmt: skip
        key = (row["model"], row["model_version"], row["segment"], row["window_end"])
        found[key] = tuple(row[x] for x in ("predictions", "labelled", "accuracy", "balanced_accuracy"))
    there = {key for key, numbers in found.items() if numbers[0]}
    assert there <= wanted.keys()
    assert {key for key, numbers in wanted.items() if numbers[0]} <= there
    for key, (*counts, accuracy, balanced) in ((key, wanted[key]) for key in found.keys() & wanted.keys()):
        assert found[key][:2] == tuple(counts)
        for mine, theirs in zip((accuracy, balanced), found[key][2:], strict=True):
            assert mine == theirs or isclose(mine or -1, theirs or -1, rel_tol=1e-12)


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, data=st.data())
def test_a_checkpoint_does_not_show(seed: int, data: st.DataObject) -> None:
    spec = spec_of("decayed-6m", "2m", max_segment_values=1)
    log = records(Random(seed), random_histories(Random(seed), spec, 12, finish=True))
    cuts = data.draw(st.sets(st.integers(0, len(log) - 1), min_size=1, max_size=3))
    judge, whole = Judge(spec, 0), Judge(spec, 0)
    for offset, record in enumerate(log):
        if offset in cuts:
            state: Any = msgspec.msgpack.decode(msgspec.msgpack.encode(judge.dump()), strict=False)
            judge = Judge.load(spec, 0, state)
        assert judge.apply(offset, record) == whole.apply(offset, record)


def test_a_decayed_window_is_told_from_its_end_on_revised_by_late_labels_and_final_when_it_settles() -> None:
    told = Told(spec_of("decayed-6m"))  # settles two minutes after its end

    def said(rows: list[Any], minute: int) -> list[Any]:
        end = rfc3339(minute * PANE)
        return [
            (row.value["status"], row.value["predictions"], row.value["accuracy"])
            for row in rows
            if row.value["window_end"] == end and row.value["segment"] == "all"
        ]

    early = told.say((Prediction(0, at(0).group, "a"), 2))
    assert early == []
    assert said(told.say(minute=1), 1) == [("open", 2, None)]
    labelled = told.say((at(0, "a"), -1), (at(0, "a", "a"), 1))
    assert said(labelled, 1) == [("open", 2, 1.0)]
    assert said(told.say(minute=3), 1) == [("final", 2, 1.0)]
    after = told.say((at(0, "a"), -1), (at(0, "a", "b"), 1))
    assert said(after, 1) == []
    assert said(after, 2) == [("open", 2, 0.5)]
