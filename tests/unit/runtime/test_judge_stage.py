"""The judge's rows are written by whoever owns the partition, and by nobody else."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any, cast

import orjson
import pytest
from confluent_kafka import Message

from streams.alerts import orders
from streams.alerts.judge import AlertingJudge
from streams.alerts.rows import ALERT_LOG, ALERTS, GATES
from streams.formats.columns import Group
from streams.ledger.cells import CellKind
from streams.ledger.flush import encode
from streams.quality.rows import Stream
from streams.runtime.checkpoints.kept import Checkpoints
from streams.runtime.checkpoints.recovery import Restored
from streams.runtime.checkpoints.rules import Due
from streams.runtime.config.job import load
from streams.runtime.errors import StateError, UnavailableError
from streams.runtime.kafka.client import SILENCE
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.source import Source
from streams.runtime.kafka.stage import Batch
from streams.runtime.kafka.transactions import FencedError, Offsets, Record
from streams.runtime.stages import judge as judge_stage
from streams.runtime.stages.judge import FENCED_FOR_S, JudgeStage, _line, _Part
from streams.runtime.stages.outputs import NOUNS
from streams.runtime.telemetry import Telemetry
from streams.runtime.topology import Topology
from streams.runtime.worker import Worker
from tests.support.judged import PANE, History, spec_of
from tests.support.touchy_rules import touchy_rules

SPEC = spec_of("5m")


class Rounds:
    """A producer of rounds that is shut out so many times."""

    def __init__(self, written: list[Record], refusals: list[int]) -> None:
        self.written, self.refusals = written, refusals

    def init(self, deadline_s: float | None = None) -> None: ...

    def commit_round(
        self,
        records: Sequence[Record],
        offsets: Offsets,
        group_metadata: Callable[[], Any],
        *,
        owner: Callable[[], bool] = lambda: True,
        deadline_s: float | None = None,
    ) -> None:
        if self.refusals[0] or not owner():
            self.refusals[0] -= 1
            raise FencedError("shut out")
        self.written += records

    def close(self) -> None: ...


@dataclass
class Said:
    """A message of the tallies."""

    at: int
    record: bytes

    def offset(self) -> int:
        return self.at

    def value(self) -> bytes:
        return self.record


@dataclass
class Surroundings:
    """What the stage asks of its source and of the topics."""

    position: int = 0

    def group_metadata(self) -> object:
        return object()

    def topic_id(self, topic: str) -> str:
        return topic

    def committed(self, tps: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, str]]:
        note = {"tallies": tps[0][0], "quality": replace(load(None, {}), quality=SPEC).quality_hash}
        return {tp: (self.position, orjson.dumps(note).decode()) for tp in tps}


@pytest.fixture(autouse=True)
def pauses_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_stage, "FENCED_PAUSE_S", 0.0)


def stage_with_rows(refusals: int, clock_s: Callable[[], float]) -> tuple[JudgeStage, _Part, list[Record]]:
    written: list[Record] = []
    left = [refusals]
    config = replace(load(None, {}), quality=SPEC)
    checkpoints = Checkpoints(
        config, "w", cast("Producer", Surroundings()), str, telemetry=Telemetry(), log=SILENCE, fail=print
    )
    stage = JudgeStage(
        config, cast("Topology", Surroundings()), lambda _: Rounds(written, left), checkpoints,
        clock_s=clock_s, telemetry=Telemetry(), log=SILENCE,
    )  # fmt: skip
    stage.source = cast("Source", Surroundings())
    history = History(0)
    history.step([((0, Group("m", "1", ("de",))), (CellKind.CONFUSION, "ham", "spam"), 1)])
    judge = AlertingJudge(config.quality, 0)
    rows = [row for n, chunk in enumerate(history.flush(0, 1)) for row in judge.apply(n, encode(chunk))]
    part = _Part(judge, Rounds(written, left), Due(0, 0.0), ready=True, rows={_line(r): r for r in rows})
    stage._parts[0] = part
    assert rows
    return stage, part, written


def test_an_owner_that_was_shut_out_by_a_late_start_begins_again_and_loses_no_row() -> None:
    stage, part, written = stage_with_rows(2, lambda: 0.0)
    rows = len(part.rows)
    stage.write(0)
    assert (len(written), part.rows, part.written_to) == (rows, {}, part.judge.position)


def test_a_partition_without_rows_still_has_its_checkpoints_to_write() -> None:
    stage, part, _ = stage_with_rows(0, lambda: 100.0)
    part.rows = {}
    part.due = Due(60.0, 0.0)
    assert not stage.has_rows(0)  # nothing was folded since the last one
    part.due.log_bytes = 1
    assert stage.has_rows(0)


def test_who_no_longer_owns_the_partition_writes_nothing() -> None:
    stage, part, written = stage_with_rows(0, lambda: 0.0)
    part.ready = False
    stage.write(0)
    assert written == []


def test_an_owner_that_is_always_refused_says_so() -> None:
    now = iter(range(0, 10_000, int(FENCED_FOR_S / 2)))
    stage, _, written = stage_with_rows(1000, lambda: float(next(now)))
    with pytest.raises(StateError, match="another job runs"):
        stage.write(0)
    assert written == []


def test_a_partition_that_moves_leaves_the_rows_that_are_being_written_alone() -> None:
    stage, part, _ = stage_with_rows(0, lambda: 0.0)
    rows = part.rows
    n = len(rows)
    stage.revoked([("quality.tallies.v1", 0)], lost=False)
    assert (len(rows), part.rows, part.ready) == (n, {}, False)


def test_a_large_round_is_written_in_parts_and_only_the_last_moves_the_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judge_stage, "MAX_RECORDS", 2)
    stage, part, written = stage_with_rows(0, lambda: 0.0)
    positions: list[int] = []
    commit = part.producer.commit_round

    def told(records: Sequence[Record], offsets: Offsets, metadata: Callable[[], Any], **rest: Any) -> None:
        positions.extend(offset for offset, _ in offsets.values())
        commit(records, offsets, metadata, **rest)

    monkeypatch.setattr(part.producer, "commit_round", told)
    rows, before = len(part.rows), part.written_to
    stage.write(0)
    assert len(written) == rows > 2
    assert positions == [before] * (len(positions) - 1) + [part.judge.position]


def test_a_stop_ends_an_owner_that_begins_again() -> None:
    stage, _, written = stage_with_rows(1000, lambda: 0.0)
    stage.close()
    with pytest.raises(UnavailableError):
        stage.write(0)
    assert written == []


def a_jump(part: _Part, panes: int) -> list[bytes]:
    """Rules, two predictions so far apart, and time that passes both."""
    group, history = Group("m", "1", ("de",)), History(0)
    history.step()  # what the fold has applied already
    for pane in (1, panes):
        history.step([((pane, group), (CellKind.CONFUSION, "ham", "spam"), 1)])
    history.step(watermark=(panes + 5) * PANE)
    rules = touchy_rules(PANE, "country", "spam", 5 * PANE)
    assert part.judge.position == 1
    return [orders.encode(orders.RulesOrder(rules)), *map(encode, history.flush(1, 4))]


def batch_of(records: Sequence[bytes], first: int = 1) -> Batch:
    messages = [cast("Message", Said(first + n, record)) for n, record in enumerate(records)]
    return Batch("quality.tallies.v1", 0, 1, messages, first + len(records), caught_up=True, read_ms=0)


def test_a_jump_of_time_is_folded_in_turns_and_the_position_moves_with_the_last() -> None:
    now = count()
    stage, part, _ = stage_with_rows(0, lambda: float(next(now)))  # whatever is done takes longer than a turn
    records, panes = a_jump(part, 10), 10
    twin = AlertingJudge.load(SPEC, 0, part.judge.dump())
    part.rows = {}
    turns = 0
    for more in stage.take(batch_of(records)):
        turns += 1
        assert more
        assert (part.judge.position, part.judge.whole) in {(1, False), (2, False)}
        stage.write(0)
        assert part.written_to < 3, "nothing is written of a record that is half folded"
    assert turns > panes
    assert (part.judge.position, part.judge.whole) == (3, True)
    twin.apply(1, records[0])
    assert part.rows == {_line(row): row for row in twin.apply(2, records[1])}
    assert part.judge.dump() == twin.dump()


@pytest.mark.parametrize(("pieces", "usable"), [(3, False), (1 << 30, True)])
def test_a_state_that_was_left_between_two_turns_is_not_gone_on_with(
    pieces: int, usable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = count()
    stage, part, _ = stage_with_rows(0, lambda: float(next(now)))
    for _ in islice(stage.take(batch_of(a_jump(part, 10))), pieces):
        assert not part.judge.whole
    stage.source = cast("Source", Surroundings(position=3))  # somebody else wrote all there is
    asked: list[int | None] = []

    def restore(partition: int, memory: int | None, _told: int, **_: bool) -> Restored[AlertingJudge]:
        asked.append(memory)
        return Restored(AlertingJudge(SPEC, partition))

    monkeypatch.setattr(stage._kept, "restore", restore)
    stage.load([("quality.tallies.v1", 0)])
    assert asked == [3 if usable else None]


def test_who_loses_the_partition_has_no_further_turn() -> None:
    class Losing:
        lock, owned = threading.Lock(), True

        def current(self, _batch: Batch) -> bool:
            assert self.lock.locked()
            return self.owned

    losing, batch = Losing(), batch_of([])
    source, turns = cast("Source", losing), iter([True, True])
    assert Worker._turn(source, batch, turns)
    losing.owned = False
    assert not Worker._turn(source, batch, turns)
    losing.owned = True
    assert Worker._turn(source, batch, turns), "the turn was not taken meanwhile"
    assert not Worker._turn(source, batch, turns)


def test_every_stream_of_rows_has_its_topic() -> None:
    assert set(NOUNS) == {*Stream, ALERTS, ALERT_LOG, GATES}
    assert len(set(NOUNS.values())) == len(NOUNS)
