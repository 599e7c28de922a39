"""From where a worker that remembers nothing would go on, by what `streams checkpoints` found."""

import pytest

from streams.runtime.checkpoints.report import Checkpoint, Place, State
from streams.runtime.checkpoints.rules import CheckpointId


@pytest.mark.parametrize(
    ("begins", "found", "goes_on"),
    [
        (0, [], 0),
        (3, [], None),
        (3, [(9, "torn"), (8, "foreign"), (7, "unusable")], None),
        (3, [(9, "whole"), (7, "whole")], 9),
        (3, [(9, "adoptable"), (7, "verified")], 7),  # its own is whole and needs no other
        (3, [(9, "adoptable"), (7, "adoptable"), (8, "torn")], 9),
        (0, [(9, "adoptable")], 0),  # the log is whole: it tells of every window
        (0, [(9, "whole")], 9),
    ],
)
def test_a_place_is_safe_when_there_is_somewhere_to_go_on_from(
    begins: int, found: list[tuple[int, State]], goes_on: int | None
) -> None:
    checkpoints = tuple(
        Checkpoint(CheckpointId("judge", 0, position, "w"), state, 1, 1, 1) for position, state in found
    )
    place = Place("judge", 0, begins, 20, checkpoints)
    assert (place.goes_on, place.safe) == (goes_on, goes_on is not None)
