"""Whatever is counted: no number is NaN, a missing one has its reason, and a loaded state goes on the same."""

import math

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.quality.counts.counted import Counted, counted
from streams.quality.drift.finding import NUMBERS, Finding
from streams.quality.drift.rates import RateSeries
from streams.quality.drift.series import Series
from streams.quality.settings import ReferenceKind, ReferenceSpec, Training
from tests.support.drifting import HOUR, scored

TRAINING = Training("t", (("c0000", 5), ("z", 7)), (("c0001", 3, 9), ("z", 0, 10)), (0,) * 19 + (3,))


def windows() -> st.SearchStrategy[Counted]:
    """Tables from empty to large, of classes that come and go, some with unlabelled predictions, some with scores."""
    size = st.sampled_from([0, 0, 0, 1, 2, 7, 60, 1_000])

    def of(k: int) -> st.SearchStrategy[Counted]:
        row = st.lists(size, min_size=k, max_size=k)
        return st.builds(
            lambda matrix, rest, first: counted(
                np.array(matrix, np.int64).reshape(k, k), rest, [f"c{first + i:04d}" for i in range(k)]
            ),
            st.lists(row, min_size=k, max_size=k),
            row,
            st.integers(0, 2),
        )

    return st.one_of(
        st.integers(0, 4).flatmap(of),
        st.lists(size, min_size=20, max_size=20).map(scored),
    )


def specs() -> st.SearchStrategy[ReferenceSpec]:
    return st.builds(
        ReferenceSpec,
        st.sampled_from(ReferenceKind),
        st.integers(1, 4),
        st.integers(1, 2),
        st.sampled_from([None, TRAINING, Training("nothing")]),
    )


def histories() -> st.SearchStrategy[list[Counted]]:
    """Some windows, each of them for a while: twenty in a row are a reference."""
    return st.lists(st.tuples(windows(), st.sampled_from([1, 1, 2, 21])), min_size=1, max_size=6).map(
        lambda parts: [window for window, times in parts for _ in range(times)]
    )


def check(said: Finding) -> None:
    explained = [] if said.undefined is None else [part.partition(": ")[0] for part in said.undefined.split("; ")]
    assert len(set(explained)) == len(explained)
    numbers = NUMBERS[said.kind]
    for name, value in said._asdict().items():
        assert not isinstance(value, float) or math.isfinite(value), name
        if name in numbers and value is None:
            assert name in explained, name
        elif name in explained:
            assert (name, value) == ("overdispersion", 1.0)
    assert set(explained) <= set(numbers)
    for name in ("statistic", "cusum", "evidence", "psi", "prevalence_effect"):
        assert name in numbers or getattr(said, name) is None
    assert said.p_value is None or 0 <= said.p_value <= 1
    assert (said.incident is None) == (said.incident_status is None)
    if said.level == "alarm":
        assert said.p_value is not None
        assert said.incident_status == "open"


@settings(max_examples=150, deadline=None)
@given(spec=specs(), history=histories(), step=st.sampled_from([HOUR, 56 * HOUR, 200 * HOUR]))
def test_every_number_is_a_number_or_has_a_reason(spec: ReferenceSpec, history: list[Counted], step: int) -> None:
    series = Series(spec)
    for i, window in enumerate(history):
        for said in series.judge(i * step, (i + 1) * step, window):
            check(said)
            if said.prevalence_effect is not None and said.recall_effect is not None:
                assert abs(said.prevalence_effect + said.recall_effect) <= 1 + 1e-9


@settings(max_examples=80, deadline=None)
@given(spec=specs(), history=histories(), at=st.integers(0, 60), step=st.sampled_from([HOUR, 56 * HOUR]))
def test_a_loaded_series_goes_on_as_the_dumped_one(
    spec: ReferenceSpec, history: list[Counted], at: int, step: int
) -> None:
    series = Series(spec)
    copy: Series | None = None
    for i, window in enumerate(history):
        if i == at % len(history):
            stored = msgspec.msgpack.encode(series.dump())
            copy = Series.load(spec, msgspec.msgpack.decode(stored))
        found = series.judge(i * step, (i + 1) * step, window)
        assert copy is None or copy.judge(i * step, (i + 1) * step, window) == found
    assert copy is not None
    assert copy.dump() == series.dump()


@settings(max_examples=60, deadline=None)
@given(history=histories(), order=st.randoms(use_true_random=False))
def test_the_order_in_which_classes_appear_changes_no_verdict(history: list[Counted], order: st.DataObject) -> None:
    names = sorted({name for window in history for name in window.classes})
    shuffled = list(names)
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    plain, other = Series(ReferenceSpec(ReferenceKind.FIRST)), Series(ReferenceSpec(ReferenceKind.FIRST))
    k = len(shuffled)
    empty = counted(np.zeros((k, k), np.int64), None, shuffled)
    other.judge(-HOUR, 0, empty)
    for i, window in enumerate(history):
        found, again = (one.judge(i * HOUR, (i + 1) * HOUR, window) for one in (plain, other))
        for said, same in zip(found, again, strict=True):
            for name, value in said._asdict().items():
                if isinstance(value, float):
                    assert math.isclose(value, getattr(same, name), rel_tol=1e-9, abs_tol=1e-9), name
                elif name != "subject":
                    assert value == getattr(same, name), name


@settings(max_examples=100, deadline=None)
@given(
    spec=specs(),
    history=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300), st.sampled_from([1, 21])), max_size=6),
)
def test_every_number_of_a_rate_is_a_number_or_has_a_reason(
    spec: ReferenceSpec, history: list[tuple[int, int, int]]
) -> None:
    rates, at = RateSeries("rate", "x", spec), 0
    for hits, misses, times in history:
        for _ in range(times):
            said = rates.judge(at * HOUR, (at + 1) * HOUR, hits, hits + misses)
            at += 1
            assert said is not None
            for name, value in said._asdict().items():
                assert not isinstance(value, float) or math.isfinite(value), name
            for name in ("statistic", "p_value", "effect", "overdispersion", "reference"):
                assert getattr(said, name) is not None or f"{name}: " in str(said.undefined)
