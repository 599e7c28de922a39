"""What a ring can count again of the past: only what it knows whole."""

from typing import Any

import numpy as np
import pytest

from streams.alerts.evidence.ring import COLUMNS, Ring, Windows
from streams.alerts.rules.model import DAY, HOUR

ONE = np.ones((1, COLUMNS), np.int64)
AGAIN = Windows(HOUR, (2 * HOUR,), (), DAY, 12 * HOUR)


def filled(windows: Windows, hours: int = 10, since: int = 0) -> Ring:
    ring = Ring(windows, 1, 0, since)
    for hour in range(1, hours + 1):
        ring.add(hour * HOUR, ONE)
        ring.step()
    return ring


def counted(ring: Ring, begin: int, end: int) -> int | None:
    table = ring.between(begin * HOUR, end * HOUR)
    return None if table is None else int(table[0, 0])


def test_what_is_kept_is_counted_again() -> None:
    assert counted(filled(AGAIN), 2, 5) == 3
    assert counted(filled(AGAIN), 2, 11) is None
    assert counted(filled(AGAIN, 20), 7, 10) is None


def test_what_lies_before_its_beginning_is_not_known_whole() -> None:
    ring = filled(AGAIN, since=3 * HOUR)
    for one in (ring, Ring.load(AGAIN, 1, ring.dump())):
        assert counted(one, 2, 5) is None
        assert counted(one, 3, 5) == 2


@pytest.mark.parametrize("says", [True, False])
def test_a_dump_that_kept_fewer_steps_knows_fewer(says: bool) -> None:
    short = AGAIN._replace(again_ms=0)
    state: dict[str, Any] = filled(short).dump()
    if not says:  # as it was before they could be kept longer
        del state["steps_ms"]
    ring = Ring.load(AGAIN, 1, state)
    assert counted(ring, 7, 9) is None
    assert counted(ring, 8, 10) == 2
    ring.add(6 * HOUR, ONE)
    assert counted(Ring.load(AGAIN, 1, ring.dump()), 7, 9) is None


def test_a_dump_that_kept_as_many_knows_all() -> None:
    assert counted(Ring.load(AGAIN, 1, filled(AGAIN).dump()), 2, 5) == 3
