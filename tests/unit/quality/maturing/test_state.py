"""A state that was written and read goes on the same; a damaged one is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from streams.quality.counts.counted import counted
from streams.quality.maturing.outlook import FEWEST_WINDOWS
from streams.quality.maturing.series import Maturing


def state() -> dict[str, Any]:
    series = Maturing()
    for i in range(FEWEST_WINDOWS + 3):
        series.look(i, 0, counted([[5, 1], [1, 5]], [20, 10]))
        if i >= 3:
            series.mature(i - 3, counted([[20, 4], [5, 11]]))
    series.look(30, 0, counted([[5, 1], [1, 5]], [20, 10]))
    return series.dump()


def test_a_state_is_plain_and_comes_back_the_same() -> None:
    dumped = state()
    again = Maturing.load(dumped)
    assert again.dump() == dumped
    assert again._kept == sum(len(known) // 8 for window in dumped["unfinished"] for _, known in window[2])
    assert {type(value) for value in dumped["older"].values()} <= {int, float, list, type(None)}


def damaged(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    dumped = state()
    change(dumped)
    return dumped


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.pop("names"),
        lambda s: s.update(names=["b", "a"]),
        lambda s: s.update(names=["c0000", "c0000"]),
        lambda s: s.update(names=["c0000", 7]),
        lambda s: s.update(names=["c0000"]),
        lambda s: s.update(names=[f"c{i:03d}" for i in range(51)]),
        lambda s: s.update(matured_ms="1"),
        lambda s: s["older"].pop("windows"),
        lambda s: s["newer"].update(windows=-1),
        lambda s: s["newer"].update(error_sum=float("nan")),
        lambda s: s["newer"]["arrays"].pop(),
        lambda s: s["newer"]["arrays"].append(b""),
        lambda s: s["newer"]["arrays"].__setitem__(0, b"1234"),
        lambda s: s["newer"]["arrays"].__setitem__(0, np.full(6, -1, "<i8").tobytes()),
        lambda s: s["unfinished"].append([1]),
        lambda s: s["unfinished"].append([31, float("inf"), []]),
        lambda s: s["unfinished"].append([31, None, [[9, b""]]]),
        lambda s: s["unfinished"].append([31, None, [[0, b"123"]]]),
        lambda s: s["unfinished"].append([31, None, [[0, np.array([1 << 12 | 9], "<i8").tobytes()]]]),
    ],
)
def test_a_damaged_state_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(ValueError, match=r"damaged|another size|shorter|longer"):
        Maturing.load(damaged(change))
