"""Whatever windows bring: no NaN, every None explained, no order of names, and a state that goes on the same."""

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.quality.counts.counted import NO_LABEL, BinnedCells, Cells, Counted
from streams.quality.maturing.outlook import AGES_MS, FEWEST_WINDOWS, Outlook, Unknown
from streams.quality.maturing.series import Maturing

SEEDS = st.integers(0, 2**32 - 1)
AGES = AGES_MS[:3]
LAG = 3


def window(rng: np.random.Generator, k: int, size: float) -> list[Counted]:
    """The counts of a window at each age and in the end; some windows are odd in every way."""
    table = rng.poisson(size * rng.gamma(0.5, 2, (k, k, 2)))
    if rng.random() < 0.1:
        table[rng.integers(k)] = 0
    if rng.random() < 0.1:
        table[:, rng.integers(k)] = 0
    scored = rng.random() < 0.8
    ever = rng.binomial(table, rng.random())
    known = ever * 0
    found = []
    for _ in AGES:
        known = known + rng.binomial(ever - known, rng.random() ** 2)
        found.append(counts(known, table, scored=scored))
    return [*found, counts(ever, table, scored=scored)]


def counts(known: np.ndarray, table: np.ndarray, *, scored: bool) -> Counted:
    labelled, missing = known.sum(axis=2), (table - known).sum(axis=0)
    true, predicted = np.nonzero(labelled)
    names = tuple(f"c{i}" for i in range(len(table)))
    plain = Counted(names, Cells(true, predicted, labelled[true, predicted]), missing.sum(axis=1))
    if not scored:
        return plain
    t, p, b = np.nonzero(known)
    q, c = np.nonzero(missing)
    none = np.full(len(q), NO_LABEL)
    n = np.concatenate([known[t, p, b], missing[q, c]])
    return replace(plain, scored=BinnedCells(np.r_[b, c] * 19, np.r_[t, none], np.r_[p, q], n))


def renamed(of: Counted) -> Counted:
    """The same with names that sort the other way round."""
    last = of.k - 1

    def turned(column: np.ndarray) -> np.ndarray:
        return np.where(column == NO_LABEL, NO_LABEL, last - column)

    def in_order(columns: tuple[np.ndarray, ...]) -> list[np.ndarray]:
        order = np.lexsort(columns[-2::-1])
        return [column[order] for column in columns]

    cells, scored = of.cells, of.scored
    return replace(
        of,
        classes=tuple(f"d{i}" for i in range(of.k)),
        cells=Cells(*in_order((turned(cells.true), turned(cells.predicted), cells.n))),
        unlabelled=of.unlabelled[::-1],
        scored=BinnedCells(*in_order((scored.bin, turned(scored.true), turned(scored.predicted), scored.n))),
    )


Step = tuple[int, int, Counted]


def history(seed: int, k: int, size: float, windows: int) -> list[Step]:
    """(start, age or -1 where it matures, counts) in order."""
    rng = np.random.default_rng(seed)
    made = [window(rng, k, size) for _ in range(windows)]
    steps: list[Step] = []
    for start, counts_of in enumerate(made):
        steps += [(start, age, counts) for age, counts in zip(AGES, counts_of, strict=False)]
        if start >= LAG:
            steps.append((start - LAG, -1, made[start - LAG][-1]))
    return steps


def told(series: Maturing, steps: list[Step]) -> Iterator[Outlook]:
    for start, age, counts in steps:
        if age < 0:
            series.mature(start, counts)
        else:
            yield series.look(start, age, counts)


HISTORIES = st.builds(
    history,
    SEEDS,
    st.integers(1, 4),
    st.sampled_from([0.3, 3.0, 200.0]),
    st.integers(FEWEST_WINDOWS + LAG, FEWEST_WINDOWS + LAG + 8),
)


@settings(max_examples=40, deadline=None)
@given(HISTORIES)
def test_a_number_is_finite_and_in_range_or_none_with_a_reason(steps: list[Step]) -> None:
    for outlook in told(Maturing(), steps):
        reasons = dict(part.split(": ", 1) for part in (outlook.undefined or "").split("; ") if part)
        unsaid = {name for name, value in outlook._asdict().items() if value is None} - {"undefined"}
        assert set(reasons) == unsaid
        assert list(reasons) == [name for name in Outlook._fields if name in reasons]
        assert set(reasons.values()) <= {reason.value for reason in Unknown}
        numbers = [value for value in outlook if isinstance(value, float)]
        assert all(isfinite(value) and 0 <= value <= 1 for value in numbers)
        if outlook.balanced_accuracy_nowcast is not None:
            assert outlook.balanced_accuracy_nowcast_lower is not None
            assert outlook.balanced_accuracy_nowcast_upper is not None
            lower, upper = outlook.balanced_accuracy_nowcast_lower, outlook.balanced_accuracy_nowcast_upper
            assert lower <= outlook.balanced_accuracy_nowcast <= upper


def test_the_histories_come_to_say_everything() -> None:
    said: set[str] = set()
    for seed in range(4):
        for outlook in told(Maturing(), history(seed, 3, 200.0, FEWEST_WINDOWS + LAG + 8)):
            said |= {name for name, value in outlook._asdict().items() if value is not None}
    assert said == set(Outlook._fields)


@settings(max_examples=30, deadline=None)
@given(HISTORIES)
def test_names_and_their_order_change_nothing(steps: list[Step]) -> None:
    others = told(Maturing(), [(start, age, renamed(counts)) for start, age, counts in steps])
    for one, other in zip(told(Maturing(), steps), others, strict=True):
        for value, again in zip(one, other, strict=True):
            assert again == (pytest.approx(value, abs=1e-5) if isinstance(value, float) else value)


@settings(max_examples=30, deadline=None)
@given(HISTORIES, st.data())
def test_a_state_goes_on_the_same_wherever_it_was_written(steps: list[Step], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(steps)))
    whole = Maturing()
    expected = list(told(whole, steps))
    first = Maturing()
    before = list(told(first, steps[:cut]))
    second = Maturing.load(first.dump())
    assert before + list(told(second, steps[cut:])) == expected
    assert second.dump() == whole.dump()
