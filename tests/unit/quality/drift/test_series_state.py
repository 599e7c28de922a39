"""The state of a series: plain values, exact, and refused when it is damaged."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from streams.quality.drift.finding import Kind
from streams.quality.drift.series import Series
from streams.quality.settings import ReferenceKind, ReferenceSpec, Training
from tests.support.drifting import FIRST, judged, quiet_windows, scored

TRAINING = Training("t", (("new", 5), ("c0000", 7)), (("new", 3, 9), ("c0001", 8, 10)), (1,) * 20)
SPECS = [FIRST, ReferenceSpec(windows=4), ReferenceSpec(ReferenceKind.HOUR_OF_WEEK), ReferenceSpec(training=TRAINING)]


def used(spec: ReferenceSpec) -> Series:
    series = Series(spec)
    judged(series, [*quiet_windows(1), scored([5] * 20), *quiet_windows(2, count=5, recall=0.6)])
    return series


@pytest.mark.parametrize("spec", SPECS)
def test_a_state_is_stored_and_comes_back_to_the_bit(spec: ReferenceSpec) -> None:
    series = used(spec)
    stored = msgspec.msgpack.encode(series.dump())
    copy = Series.load(spec, msgspec.msgpack.decode(stored))
    assert msgspec.msgpack.encode(copy.dump()) == stored
    later = quiet_windows(3, count=8, recall=0.7)
    assert judged(copy, later, 200) == judged(series, later, 200)
    assert msgspec.msgpack.encode(copy.dump()) == msgspec.msgpack.encode(series.dump())


def floats(*values: float) -> bytes:
    return np.array(values, "<f8").tobytes()


def ints(*values: int) -> bytes:
    return np.array(values, "<i8").tobytes()


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another format": lambda state: state.update(format=0),
    "no names": lambda state: state.pop("names"),
    "a name twice": lambda state: state["names"].append(state["names"][0]),
    "a name that is a number": lambda state: state["names"].append(5),
    "fewer names than classes": lambda state: state["names"].pop(0),
    "a time that is a float": lambda state: state.update(last=1.5),
    "an incident without its parts": lambda state: state["incidents"].update(prediction=[None]),
    "an incident with a calm below none": lambda state: state["incidents"].update(prediction=[None, -1, None]),
    "no incident of a kind": lambda state: state["incidents"].pop(Kind.SKEW.value),
    "a CUSUM that is no number": lambda state: state["recalls"].update(cusum=floats(float("nan"))),
    "a CUSUM below 0": lambda state: state["recalls"].update(cusum=floats(-1.0)),
    "evidence that is no number": lambda state: state["recalls"].update(log_m=floats(*[float("nan")] * 20)),
    "evidence of fewer classes": lambda state: state["recalls"].update(log_m=floats(0.0)),
    "half a drop": lambda state: state["recalls"].update(swings=floats(0.1)),
    "a drop without variance": lambda state: state["recalls"].update(swings=floats(0.1, 0.0)),
    "a column cut short": lambda state: state["recalls"].update(tracked=b"123"),
    "counts below 1": lambda state: state["labels"]["baseline"].__setitem__(3, [ints(1), ints(0)]),
    "codes that descend": lambda state: state["labels"]["baseline"].__setitem__(3, [ints(2, 1), ints(1, 1)]),
    "codes without counts": lambda state: state["labels"]["baseline"].__setitem__(3, [ints(2, 1), ints(1)]),
    "a class beyond the names": lambda state: state["predictions"]["baseline"].__setitem__(3, [ints(99), ints(1)]),
    "a score beyond 1": lambda state: state["scores"]["collected"][0].__setitem__(3, [ints(22), ints(1)]),
    "an infinite spread": lambda state: state["labels"]["among_first"].update(drop=floats(float("inf"), 1.0)),
    "a spread of half a pair": lambda state: state["labels"]["among_first"].update(drop=floats(1.0)),
    "weeks that are no list": lambda state: state["labels"].update(weeks=5),
    "nothing of labels": lambda state: state.update(labels=None),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_refused(damage: str) -> None:
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(used(FIRST).dump()))
    assert Series.load(FIRST, state).dump() == state
    DAMAGES[damage](state)
    with pytest.raises(ValueError, match=r".+"):
        Series.load(FIRST, state)
