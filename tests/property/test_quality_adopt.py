"""A judge of other windows, expected classes and bounds goes on from a state as if it had folded from the log's start.

Of each window it may show, all rows are those of a judge that never was another; of a window of which the state no
longer has every pane it says nothing, ever. Cuts fall behind any record.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ledger.spec import Timing
from streams.quality.aged import Age
from streams.quality.judge import Judge
from streams.quality.maturing.outlook import Outlook
from streams.quality.measures.scoring import ScoreMeasures
from streams.quality.rows import OutputRow, Stream
from streams.quality.spec import QualitySpec, parse_window
from tests.support.judged import ALL_ONLY, LONG, PANE, Rows, newest, random_histories, records, spec_of

SEEDS = st.integers(0, 1 << 32)
WINDOWS = ("2m", "5m", "4m/2m", "6m/3m", "7m/1m", "15m", "20m/5m")
BASES = (
    spec_of("5m", settings=ALL_ONLY),
    spec_of("5m", ledger_partitions=3, models=(("m2", LONG),), settings=ALL_ONLY),
    spec_of("5m", ledger_partitions=2, dimensions=("country", "age")),
)
"""What is pinned: adopting changes none of it."""

STALE = {"tn", "specificity", "undefined", "status", "confused_with"}
"""What the rows of a class have as of the last time they were written: docs/outputs.md."""

Key = tuple[str, str]


@st.composite
def wishes(draw: st.DrawFn, base: QualitySpec) -> QualitySpec:
    """Anything that may be changed."""
    names = draw(st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=3, unique=True))
    origin_ms = draw(st.sampled_from((0, 0, PANE, -3 * PANE)))
    return replace(
        base,
        windows=tuple(parse_window(name, origin_ms) for name in names),
        expected_classes=draw(st.sampled_from(((), (("m2", ("ham", "spam", "egg")),)))),
        expected_default=draw(st.sampled_from(((), ("ham", "spam")))),
        max_segment_values=draw(st.sampled_from((1, 2, 100))),
        min_support=draw(st.integers(1, 9)),
    )


def stored(judge: Judge) -> Any:
    """A state as it is read back."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(judge.dump()), strict=False)


def timing_of(spec: QualitySpec, model: str) -> Timing:
    return dict(spec.models).get(model, spec.timing)


def panes_of(row: OutputRow) -> range:
    start, end = (
        round(datetime.fromisoformat(str(row.value[x])).timestamp() * 1000) for x in ("window_start", "window_end")
    )
    return range(start // PANE, end // PANE)


def is_of(row: OutputRow, spec: QualitySpec) -> bool:
    """Whether a spec has the window of a row."""
    start = panes_of(row).start * PANE
    return any(w.name == row.value["window"] and w.last_start(start) == start for w in spec.windows)


TABLES = {Stream.WINDOWS, Stream.CLASSES, Stream.CONFUSION}
TAKEN_AT_AGES = {*Age._fields, *ScoreMeasures._fields, *Outlook._fields}


class Whole:
    """Which windows can be shown, from what every spec before forgot, pane by pane."""

    def __init__(self) -> None:
        self.forgot: list[tuple[QualitySpec, int, set[tuple[str, str]]]] = []

    def leave(self, spec: QualitySpec, watermark: int, lines: Iterable[tuple[str, str]]) -> None:
        """A spec was left at a watermark, when there were these model versions."""
        self.forgot.append((spec, watermark, set(lines)))

    def shows(self, row: OutputRow, spec: QualitySpec) -> bool:
        panes = panes_of(row)
        final_ms = timing_of(spec, str(row.value["model"])).final_ms
        for old, watermark, lines in self.forgot:
            known = (row.value["model"], row.value["model_version"]) in lines
            if known and any(old.last_end(pane) + final_ms <= watermark for pane in panes):
                return False
            if panes.stop * PANE + final_ms <= watermark:
                return False
        return True


def something(row: dict[str, Any]) -> bool:
    """Whether a row says that something is counted."""
    return any(row.get(name) for name in ("predictions", "predictions_of_class", "support", "count"))


def compared(rows: Rows, *, final: bool) -> dict[Key, dict[str, Any]]:
    """What must be the same: everything, but for the round, and but for what a row has from an earlier one.

    That is all that is taken at some ages, until windows are final, and what detectors find.
    """
    result = {}
    for key, row in rows.items():
        if something(row) and (key[0] in TABLES if not final else key[0] != Stream.DRIFT):
            taken = {} if final else {"classes": STALE, "windows": TAKEN_AT_AGES}
            old = {"confusion": {"status"}, **taken}.get(key[0], set())
            result[key] = {k: v for k, v in row.items() if k not in {"revision", "watermark", *old}}
    return result


def lines_of(judge: Judge) -> Iterator[tuple[str, str]]:
    groups: Any = stored(judge)["names"]["groups"]
    return ((model, version) for model, version, *_ in groups)


@pytest.mark.parametrize("base", BASES)
@settings(max_examples=10, deadline=None)
@given(data=st.data(), seed=SEEDS, finish=st.booleans(), moves=st.integers(1, 3))
def test_an_adopted_state_shows_what_a_judge_from_the_start_shows(
    base: QualitySpec, data: st.DataObject, seed: int, moves: int, *, finish: bool
) -> None:
    rng = Random(seed)
    log = records(rng, random_histories(rng, base, 30, finish=finish), writers=3)
    specs = [data.draw(wishes(base)) for _ in range(moves + 1)]
    before = len(log) - base.ledger_partitions  # a round follows
    cuts = sorted(data.draw(st.lists(st.integers(0, before), min_size=moves, max_size=moves)))
    judge, whole, said = Judge(specs[0], 0), Whole(), list[OutputRow]()
    shown: list[OutputRow] = []  # with what others had shown of the same windows
    for offset, record in enumerate(log):
        while cuts and cuts[0] == offset:
            cuts.pop(0)
            whole.leave(judge.spec, judge.watermark, lines_of(judge))
            judge = Judge.adopt(specs[len(whole.forgot)], 0, stored(judge))
            said, shown = [], [row for row in shown if is_of(row, judge.spec)]
        rows = judge.apply(offset, record)
        assert all(whole.shows(row, judge.spec) for row in rows)
        said += rows
        shown += rows
        if rng.random() < 0.2:
            state = stored(judge)
            judge = Judge.load(judge.spec, 0, state)
            assert stored(judge) == state
    reference = Judge(judge.spec, 0)
    wanted = [row for offset, record in enumerate(log) for row in reference.apply(offset, record)]
    right = compared(newest(row for row in wanted if whole.shows(row, judge.spec)), final=finish)
    assert compared(newest(said), final=finish) == right
    assert compared(newest(row for row in shown if whole.shows(row, judge.spec)), final=finish) == right


@pytest.mark.parametrize(
    "pinned",
    [
        {"ledger_partitions": 2},
        {"dimensions": ("age",)},
        {"pane_ms": PANE // 2},
        {"timing": LONG},
        {"models": (("m2", LONG),)},
    ],
)
def test_a_state_of_another_ledger_or_of_other_times_is_not_adopted(pinned: dict[str, Any]) -> None:
    state = stored(Judge(BASES[0], 3))
    Judge.adopt(replace(BASES[0], min_support=1), 3, state)
    with pytest.raises(ValueError, match="other panes, times or dimensions"):
        Judge.adopt(replace(BASES[0], **pinned), 3, state)
    with pytest.raises(ValueError, match="partition 3, not of 2"):
        Judge.adopt(BASES[0], 2, state)
    with pytest.raises(ValueError, match="not the configured"):
        Judge.load(replace(BASES[0], min_support=1), 3, state)


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: s.update(format=1),
        lambda s: s.update(of=["QualitySpec()", 0]),
        lambda s: s["of"][0].update(windows=[]),
        lambda s: s["windows"].pop("begins"),
        lambda s: s["windows"].update(windows=b"\x7f" * 24),
        lambda s: s["windows"].update(unsaid=[[7, True]]),
        lambda s: s.pop("shares"),
    ],
)
def test_a_damaged_state_is_not_adopted(damage: Any) -> None:
    state = stored(Judge(BASES[0], 0))
    Judge.adopt(BASES[0], 0, state)
    damage(state)
    with pytest.raises(ValueError, match=r"."):
        Judge.adopt(BASES[0], 0, state)
