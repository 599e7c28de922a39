"""The algebra of tables: merge counts the concatenation, retract undoes it, nothing depends on order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.quality.counts.details import UNLABELLED
from streams.quality.counts.table import CORRECTED, Margins, Table, accumulate, cell, margins_of
from streams.quality.measures.confusion import window_measures

CODES = st.one_of(
    st.builds(cell, st.sampled_from([0, 1, 2, 5, 999, UNLABELLED]), st.sampled_from([0, 1, 2, 5, 999])),
    st.just(CORRECTED),
)
STREAMS = st.lists(CODES, max_size=60)


def table_of(codes: list[int]) -> Table:
    table = Table()
    for code in codes:
        table.merge({code: 1})
    return table


def state(table: Table) -> tuple[object, ...]:
    return table.cells, *margins_state(table.margins)


def margins_state(m: Margins) -> tuple[object, ...]:
    return tuple(getattr(m, name) for name in Margins.__slots__)


@given(STREAMS, STREAMS)
def test_merge_counts_the_concatenation(one: list[int], two: list[int]) -> None:
    merged = table_of(one)
    merged.merge(table_of(two).counts())
    assert state(merged) == state(table_of(one + two)) == state(table_of(two + one))


@given(STREAMS, STREAMS)
def test_retract_undoes_merge(one: list[int], two: list[int]) -> None:
    table = table_of(one)
    before = table.counts()
    table.merge(table_of(two).counts())
    table.retract(table_of(two).counts())
    assert state(table) == state(table_of(one))
    assert table.counts() == before


@given(STREAMS, st.randoms())
def test_retracting_everything_in_any_order_leaves_nothing(codes: list[int], rng: object) -> None:
    table = table_of(codes)
    for code in sorted(codes, key=lambda c: hash((c, repr(rng)))):
        table.merge({code: -1})
    assert table.empty
    assert state(table) == state(Table())


@given(STREAMS, STREAMS)
def test_margins_merge_like_their_tables(one: list[int], two: list[int]) -> None:
    merged = Margins()
    merged.merge(table_of(one).margins)
    merged.merge(table_of(two).margins)
    assert margins_state(merged) == margins_state(table_of(one + two).margins)
    merged.merge(table_of(two).margins, -1)
    assert margins_state(merged) == margins_state(table_of(one).margins)
    assert margins_state(margins_of(table_of(one).counts())) == margins_state(table_of(one).margins)


@given(STREAMS)
def test_margins_are_the_sums_of_the_cells(codes: list[int]) -> None:
    table = table_of(codes)
    real = [c for c in codes if c != CORRECTED]
    labelled = [c for c in real if c >> 24 != UNLABELLED]
    m = table.margins
    assert (m.predictions, m.labelled, m.corrected) == (len(real), len(labelled), codes.count(CORRECTED))
    assert sum(m.support.values()) == sum(m.predicted.values()) == len(labelled)
    assert sum(m.hits.values()) == m.correct
    assert sum(m.of_class.values()) == len(real)
    assert all(n > 0 for counts in (m.support, m.predicted, m.hits, m.of_class) for n in counts.values())


@given(STREAMS, STREAMS)
def test_deltas_add_up_and_cancel(one: list[int], two: list[int]) -> None:
    delta = table_of(one).counts()
    accumulate(delta, table_of(two).counts())
    assert delta == table_of(one + two).counts()
    accumulate(delta, table_of(one + two).counts(), -1)
    assert delta == {}


@given(STREAMS)
def test_measures_lie_in_their_ranges(codes: list[int]) -> None:
    m = window_measures(table_of(codes).margins, 5)
    ratios = ("coverage", "accuracy", "balanced_accuracy", "macro_precision", "macro_f1", "weighted_f1")
    assert all(value is None or 0 <= value <= 1 for value in (getattr(m, name) for name in ratios))
    if m.balanced_accuracy is not None:
        assert m.balanced_accuracy_lower is not None
        assert m.balanced_accuracy_upper is not None
        assert m.balanced_accuracy_lower <= m.balanced_accuracy <= m.balanced_accuracy_upper
        assert m.mcc is not None
        assert -1 - 1e-12 <= m.mcc <= 1 + 1e-12


def test_a_cell_cannot_be_counted_less_than_never() -> None:
    table = table_of([cell(0, 1)])
    with pytest.raises(ValueError, match="counted -1 times"):
        table.retract({cell(0, 1): 2})
