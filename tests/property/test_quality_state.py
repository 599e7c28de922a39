"""A judge goes on from its dumped state, and after a quiet stretch, exactly as if nothing had happened.

Each example is a seed; cuts fall behind any record: in the middle of a round, of a flush, of a zombie's flush.
"""

from functools import cache
from random import Random
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.quality.judge import Judge
from streams.quality.rows import OutputRow
from streams.quality.spec import QualitySpec
from tests.support.judged import SPECS, random_histories, records

SEEDS = st.integers(0, 1 << 32)


def stored(state: dict[str, object]) -> bytes:
    """A state as it is written."""
    return msgspec.msgpack.encode(state)


def copied(judge: Judge) -> Judge:
    """A judge that was loaded from what another one would write."""
    return Judge.load(judge.spec, judge.partition, msgspec.msgpack.decode(stored(judge.dump()), strict=False))


def seen(rows: list[OutputRow]) -> bytes:
    return orjson.dumps([tuple(row) for row in rows])


def log_of(seed: int, spec: QualitySpec, *, finish: bool) -> list[bytes]:
    rng = Random(seed)
    return records(rng, random_histories(rng, spec, 20, finish=finish), writers=3)


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, finish=st.booleans(), keep=st.integers(1, 6))
def test_a_loaded_state_goes_on_as_the_one_that_was_dumped(
    spec: QualitySpec, seed: int, keep: int, *, finish: bool
) -> None:
    judge, copies = Judge(spec, 3), list[Judge]()
    for offset, record in enumerate(log_of(seed, spec, finish=finish)):
        rows = seen(judge.apply(offset, record))
        for copy in copies:
            assert seen(copy.apply(offset, record)) == rows
        state = stored(judge.dump())
        assert [stored(copy.dump()) for copy in copies] == [state] * len(copies)
        if len(copies) == keep:
            del copies[Random(offset).randrange(keep)]  # some live long, some short
        copies.append(copied(judge))
        assert stored(copies[-1].dump()) == state


@pytest.mark.parametrize("spec", SPECS)
@settings(max_examples=6, deadline=None)
@given(seed=SEEDS, finish=st.booleans(), share=st.floats(0, 1))
def test_a_quiet_stretch_changes_no_row_behind_it(spec: QualitySpec, seed: int, share: float, *, finish: bool) -> None:
    log = log_of(seed, spec, finish=finish)
    cut = round(share * len(log))
    loud, quiet = Judge(spec, 0), Judge(spec, 0)
    for offset, record in enumerate(log):
        rows = loud.apply(offset, record)
        said = quiet.apply(offset, record, quiet=offset < cut)
        assert seen(said) == (seen(rows) if offset >= cut else seen([]))
        if offset >= cut - 1:
            assert stored(quiet.dump()) == stored(loud.dump())


def has_everything(state: Any) -> bool:
    """Whether there are windows, bounded ones, emptied classes, changes that wait, and a chunk that waits."""
    waiting, shares, windows = state["inbox"]["unfinished"][0], state["shares"], state["windows"]
    return all((waiting, shares["pending"][0], len(shares["panes"]) > 16, windows["shown"], windows["emptied"]))


@cache
def middle_of_a_round() -> tuple[list[bytes], int]:
    """A log, and behind which of its records a judge has something everywhere."""
    for seed in range(1000):
        log = log_of(seed, SPECS[3], finish=True)
        judge = Judge(SPECS[3], 0)
        for offset, record in enumerate(log):
            judge.apply(offset, record)
            if has_everything(judge.dump()):
                return log, offset + 1
    raise AssertionError("no such log")


def judge_there() -> Judge:
    log, position = middle_of_a_round()
    judge = Judge(SPECS[3], 0)
    for offset, record in enumerate(log[:position]):
        judge.apply(offset, record)
    return judge


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: s.update(format=99),
        lambda s: s.pop("position"),
        lambda s: s.pop("names"),
        lambda s: s.update(watermarks=[1]),
        lambda s: s.update(missing=[7]),
        lambda s: s["inbox"].update(applied=[1]),
        lambda s: s["inbox"]["unfinished"][0].append(b"rubbish"),
        lambda s: s["inbox"]["unfinished"][1].extend(s["inbox"]["unfinished"][0]),
        lambda s: s["inbox"]["unfinished"][0].append(s["inbox"]["unfinished"][0][0][:-8]),
        lambda s: s["inbox"]["unfinished"][0].append(b"QF1\0\1\0\0\0?"),
        lambda s: s["names"]["classes"].pop(),
        lambda s: s["names"]["classes"].append(s["names"]["classes"][0]),
        lambda s: s["names"]["groups"].pop(),
        lambda s: s["names"]["groups"].reverse(),
        lambda s: s["names"]["groups"][0].append("one dimension more"),
        lambda s: s["shares"].update(panes=b"1234567"),
        lambda s: s["shares"].update(panes=s["shares"]["panes"][:-16]),
        lambda s: s["shares"].update(shares=s["shares"]["shares"][:-8]),
        lambda s: s["shares"].update(sizes=s["shares"]["sizes"][:-8]),
        lambda s: s["shares"].update(keys=b"\xff" * len(s["shares"]["keys"])),
        lambda s: s["shares"].update(cells=s["shares"]["cells"][:-16]),
        lambda s: s["shares"].update(cells=b"\x7f" * len(s["shares"]["cells"])),
        lambda s: s["shares"]["pending"].pop(),
        lambda s: s["shares"]["pending"].append(b""),
        lambda s: s["shares"]["pending"].__setitem__(0, b"12345678" + s["shares"]["pending"][0][8:]),
        lambda s: s["shares"]["pending"].__setitem__(3, b""),
        lambda s: s["windows"].update(watermark=1 << 61),
        lambda s: s["windows"].update(windows=s["windows"]["windows"][24:]),
        lambda s: s["windows"].update(windows=b"\x7f" * 24 + s["windows"]["windows"]),
        lambda s: s["windows"]["shown"][0].__setitem__(0, 1000),
        lambda s: s["windows"]["shown"][0][1].pop(),
        lambda s: s["windows"].update(emptied=3),
    ],
)
def test_a_damaged_state_is_refused(damage: Any) -> None:
    judge = judge_there()
    state = msgspec.msgpack.decode(stored(judge.dump()))
    Judge.load(judge.spec, 0, state)
    damage(state)
    with pytest.raises(ValueError, match=r"."):
        Judge.load(judge.spec, 0, state)


def test_a_state_of_other_windows_or_of_another_partition_is_refused() -> None:
    judge = judge_there()
    for spec, partition in ((SPECS[3], 1), (SPECS[1], 0)):
        with pytest.raises(ValueError, match=r"partition|of windows"):
            Judge.load(spec, partition, judge.dump())


def test_a_dumped_state_does_not_move_with_the_judge() -> None:
    judge = judge_there()
    state = judge.dump()
    before = stored(state)
    log, position = middle_of_a_round()
    for offset, record in enumerate(log[position:], position):
        judge.apply(offset, record)
    assert stored(state) == before != stored(judge.dump())
