"""Details add up like the tables do, and come back as named counts."""

from collections.abc import Mapping
from random import Random

import numpy as np
import pytest

from streams.formats.columns import Group
from streams.ledger.cells import CellKind, Outcome, PairOutcome
from streams.quality.counts.counted import NO_LABEL
from streams.quality.counts.details import (
    UNLABELLED,
    Columns,
    Details,
    added,
    detail_code,
    of_kind,
    subtracted,
)
from streams.quality.counts.gather import gather
from streams.quality.counts.names import Names
from streams.quality.counts.table import CORRECTED, cell
from streams.quality.measures.paired import paired
from streams.quality.spec import QualitySpec, parse_window


def columns(counts: Mapping[int, int]) -> Columns:
    return np.array(list(counts), np.int64), np.array(list(counts.values()), np.int64)


def named(*classes: str) -> Names:
    names = Names(QualitySpec((parse_window("1h"),)))
    names.group_number(Group("m", "1", ()))
    for cls in classes:
        names.class_number(cls)
    return names


def test_details_in_any_cuts_are_one_sum() -> None:
    rng = Random(7)
    moves = [(rng.randrange(50), rng.randrange(1, 4)) for _ in range(20_000)]
    whole: dict[int, int] = {}
    details = Details()
    for i in range(0, len(moves), 100):
        part: dict[int, int] = {}
        for code, n in moves[i : i + 100]:
            whole[code] = whole.get(code, 0) + n
            part[code] = part.get(code, 0) + n
        details.add(columns(part))
    codes, counts = (column.tolist() for column in details.columns())
    assert dict(zip(codes, counts, strict=True)) == whole
    assert codes == sorted(whole)


def test_details_that_are_taken_back_are_gone() -> None:
    details = Details()
    assert details.empty
    details.add(columns({5: 2, 9: 1}))
    details.add(columns({5: -2}))
    assert not details.empty
    assert details.columns()[0].tolist() == [9]
    details.add(columns({9: -1}))
    assert details.empty


def test_details_below_nothing_are_refused() -> None:
    details = Details()
    details.add(columns({5: 2}))
    details.add(columns({5: -3}))
    with pytest.raises(ValueError, match="would be counted -1 times"):
        details.columns()


def test_parts_and_the_rest_are_the_whole() -> None:
    parts = [columns({1: 2, 7: 4}), columns({1: 1, 3: 3})]
    whole = added([*parts, columns({7: 1, 8: 2})])
    rest = subtracted(whole, parts)
    assert dict(zip(*(c.tolist() for c in rest), strict=True)) == {7: 1, 8: 2}


def test_details_of_a_kind_are_found_by_their_codes() -> None:
    codes = {
        detail_code(CellKind.SCORED, 19, UNLABELLED, 2): 4,
        detail_code(CellKind.DELAY, 3, 1, 2): 5,
        detail_code(CellKind.SCORED, 0, 1, 1): 6,
    }
    found = of_kind(added([columns(codes)]), CellKind.SCORED)
    assert [column.tolist() for column in found] == [[0, 19], [1, UNLABELLED], [1, 2], [6, 4]]


def test_counts_have_their_classes_by_name_whatever_the_numbers() -> None:
    """The same counts under two numberings of the same names are the same."""
    results = []
    for order in (("b", "c", "a"), ("a", "b", "c")):
        names = named(*order)
        number = names.class_number
        names.source_number("x" if order[0] == "b" else "y")
        versions = {v: names.version_number(v) for v in (("9", "10") if order[0] == "b" else ("10", "9"))}
        cells = {
            cell(number("b"), number("a")): 3,
            cell(number("a"), number("a")): 2,
            cell(UNLABELLED, number("b")): 4,
            CORRECTED: 1,
        }
        details = {
            detail_code(CellKind.SCORED, 19, UNLABELLED, number("b")): 4,
            detail_code(CellKind.SCORED, 7, number("b"), number("a")): 3,
            detail_code(CellKind.CONFIDENCE_SUM, 0, Outcome.WRONG, 7): 60_000,
            detail_code(CellKind.CONFIDENCE_SQUARES, 0, Outcome.UNLABELLED, 0): 5,
            detail_code(CellKind.DELAY, 2, number("b"), number("a")): 3,
            detail_code(CellKind.POSITIVE, 0, 1, 100): 6,
            detail_code(CellKind.RANK, 0, 0, 2): 3,
            detail_code(CellKind.PROPER, 0, 0, 0): 5,
            detail_code(CellKind.BRIER, 0, 0, 0): 77,
            detail_code(CellKind.LABELLED_BY, names.source_number("y"), number("a"), number("a")): 2,
            detail_code(CellKind.CORRECTED, names.source_number("x"), number("c"), UNLABELLED): 1,
            detail_code(CellKind.AGREEMENT, names.pair_number(("x", "y")), number("b"), number("a")): 1,
            detail_code(CellKind.PAIRED, PairOutcome.ONLY_OWN, number("c"), versions["9"]): 8,
            detail_code(CellKind.PAIRED, PairOutcome.BOTH, number("a"), versions["10"]): 2,
        }
        results.append(gather(cells, added([columns(details)]), names))
    for counts in results:
        assert counts.classes == ("a", "b", "c")
        assert counts.matrix().tolist() == [[2, 0, 0], [3, 0, 0], [0, 0, 0]]
        assert counts.unlabelled.tolist() == [0, 4, 0]
        assert counts.corrected == 1
        assert [c.tolist() for c in counts.scored] == [[7, 19], [1, NO_LABEL], [0, 1], [3, 4]]
        assert counts.confidence_sum[7, Outcome.WRONG] == 60_000
        assert counts.confidence_squares.tolist() == [0, 0, 5]
        assert [c.tolist() for c in counts.delays] == [[2], [1], [0], [3]]
        assert counts.positive[100, 1] == 6
        assert counts.ranks.tolist() == [0, 0, 3]
        assert (counts.proper, counts.brier_sum, counts.log_loss_sum) == (5, 77, 0)
        assert counts.sources == ("x", "y")
        assert [c.tolist() for c in counts.labelled_by] == [[1], [0], [0], [2]]
        assert [c.tolist() for c in counts.corrections] == [[0], [NO_LABEL], [2], [1]]
        assert [c.tolist() for c in counts.agreement] == [[0], [1], [0], [1], [1]]
        assert counts.versions == ("10", "9")
        assert [c.tolist() for c in counts.pairs] == [[1, 0], [2, 0], [PairOutcome.ONLY_OWN, PairOutcome.BOTH], [8, 2]]
        told = paired([counts, counts], "9")
        assert (told.classes, told.n.tolist(), told.only_own.tolist()) == (("c",), [16], [16])
        assert told.turned().only_other.tolist() == [16]
        assert paired([counts], "8").n.tolist() == []


def test_nothing_is_counted_of_nothing() -> None:
    counts = gather({}, added(()), named())
    assert (counts.k, counts.predictions, counts.labelled) == (0, 0, 0)


def test_label_sources_beyond_the_numbers_are_other() -> None:
    names = named()
    numbers = {names.source_number(f"s{i}") for i in range(2_000)}
    assert len(numbers) == 1024
    assert names.sources[-1] == "other"
    assert names.source_number("s1999") == names.source_number("other")
    assert names.pair_number(("s0", "s1")) == 0
