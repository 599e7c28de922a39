"""What was known of a window survives packing, renumbering and damage."""

import numpy as np
import pytest

from streams.quality.maturing import snapshot

LABELLED = np.array([[5, 0, 1], [0, 0, 0], [2, 0, 10**9]])
PREDICTIONS = np.array([7, 3, 10**9 + 1])


def test_counts_come_out_as_they_went_in() -> None:
    labelled, predictions = snapshot.unpack(snapshot.pack(LABELLED, PREDICTIONS), 3)
    assert labelled.tolist() == LABELLED.tolist()
    assert predictions.tolist() == PREDICTIONS.tolist()


def test_only_counts_above_zero_take_room() -> None:
    assert len(snapshot.pack(LABELLED, PREDICTIONS)) == 4 + 3


def test_classes_are_numbered_anew() -> None:
    packed = snapshot.renumbered(snapshot.pack(LABELLED, PREDICTIONS), np.array([3, 0, 1]))
    labelled, predictions = snapshot.unpack(packed, 4)
    assert (labelled[3, 3], labelled[3, 1], labelled[1, 3], labelled[1, 1]) == (5, 1, 2, 10**9)
    assert labelled.sum() == LABELLED.sum()
    assert predictions.tolist() == [3, 10**9 + 1, 0, 7]


def test_classes_that_are_used_are_those_with_a_count() -> None:
    packed = snapshot.pack(np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]]), np.array([0, 2, 0]))
    assert snapshot.used(packed, 3).tolist() == [True, True, False]


@pytest.mark.parametrize("damaged", [[1 << 12 | 5 << 6], [1 << 12 | 5], [0], [-1]])
def test_a_snapshot_of_unknown_classes_or_without_a_count_is_damaged(damaged: list[int]) -> None:
    with pytest.raises(ValueError, match="damaged"):
        snapshot.unpack(np.array(damaged), 3)
