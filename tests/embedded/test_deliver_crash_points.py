"""A deliverer dies at a named point and its successor goes on: each telling is decided once and arrives, under one id.

The deliverer is the real one, its logs are on the embedded broker and its receiver is an HTTP server; only the group is
not: a partition is handed over by hand, so that a death lies exactly where it is wanted. What dies is gone but for the
two logs and the group's position.
"""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from streams.alerts.telling.rows import Entry, Fate
from streams.runtime.clock import wall_ms
from streams.runtime.deliver.credentials import resolve
from streams.runtime.deliver.deliverer import Deliverer
from streams.runtime.deliver.tellings_log import TellingsLog
from streams.runtime.deliver.topics import Found
from streams.runtime.kafka.client import TopicPartitionKey
from streams.runtime.kafka.embedded import EmbeddedBroker
from streams.runtime.kafka.partition_reader import PartitionReader
from streams.runtime.kafka.source import Source
from streams.runtime.kafka.stage import Batch
from streams.runtime.kafka.transactions import Offsets, Record, RoundProducer
from tests.support.clusters import EmbeddedCluster
from tests.support.deliver_bench import SECRET, Bench, now
from tests.support.receiver import LoopbackReceiver
from tests.support.receiver_rows import STEP, ModelRows, Row
from tests.support.workers import Journal, wait_for

pytestmark = pytest.mark.embedded

POINTS = {
    "decided": "before the transaction",
    "written": "after the log of tellings, before the position",
    "committed": "between transaction and send",
    "sent": "between send and note",
    "noted": "between note and position",
}
T = now() - 3 * STEP


class DiedError(Exception):
    """The process is gone."""


@dataclass
class Group:
    """What outlives a deliverer beside its logs, and what it asks of its source."""

    position: dict[TopicPartitionKey, tuple[int, str]] = field(default_factory=dict)
    fates: dict[str, str] = field(default_factory=dict)  # of each batch, as the log has it
    lock: threading.RLock = field(default_factory=threading.RLock)
    group_metadata: None = None

    def committed(self, tps: Sequence[TopicPartitionKey]) -> dict[TopicPartitionKey, tuple[int, str] | None]:
        return {tp: self.position.get(tp) for tp in tps}

    def commit(self, offsets: Mapping[TopicPartitionKey, tuple[int, str]]) -> None:
        self.position |= offsets

    def current(self, item: Batch) -> bool:
        return True

    def done(self, item: Batch) -> None: ...

    def loading(self) -> list[TopicPartitionKey]:
        return []


class Rounds(RoundProducer):
    """The producer of a deliverer, with points around what it writes."""

    def __init__(self, inner: RoundProducer, group: Group, reach: Callable[[str], None]) -> None:
        self._inner, self._group, self._reach = inner, group, reach

    def init(self, deadline_s: float | None = None) -> None:
        self._inner.init(deadline_s)

    def commit_round(
        self,
        records: Sequence[Record],
        offsets: Offsets,
        group_metadata: Callable[[], Any],
        *,
        owner: Callable[[], bool] = lambda: True,
        deadline_s: float | None = None,
    ) -> None:
        fates = {(one.key or b"").decode(): orjson.loads(one.value or b"")["state"] for one in records}
        if Fate.DUE in fates.values():
            self._reach("decided")
        self._inner.commit_round(records, offsets, group_metadata, owner=owner, deadline_s=deadline_s)
        self._group.fates |= fates
        if Fate.SENT in fates.values():
            self._reach("noted")
        if Fate.DUE in fates.values():
            self._reach("written")

    def close(self) -> None:
        self._inner.close()


class Mortal(Deliverer):
    """A deliverer of partition 0 that dies when it reaches a point."""

    def __init__(self, bench: Bench, group: Group, point: str) -> None:
        config = bench.config
        receivers = resolve(config.receivers, {"HOOK_KEY": SECRET}, str(bench.file))
        super().__init__(config, receivers, log=Journal(), embedded=True)
        self._point, self._group, self._died = point, group, threading.Event()
        self.source = self._source = cast("Source", group)
        self._looked_s = float("inf")  # nothing is shown
        self._tellings = TellingsLog(
            config, self._name, Found("an id", 2), self._addresses, embedded=True, log=Journal()
        )  # fmt: skip
        self._topic = config.topic("alerts")
        self.load([(self._topic, 0)])
        self.part = self._parts[0]
        self.part.producer = Rounds(self.part.producer, group, self._reach)
        for mailbox in self._mailboxes.values():
            put, finished = mailbox.put, mailbox._finished

            def put_if_alive(*given: Any, put: Callable[..., None] = put) -> None:
                self._reach("committed")
                put(*given)

            def finished_if_alive(number: int, entry: Entry, tell: Callable[[int, Entry], None] = finished) -> None:
                self._reach("sent")
                tell(number, entry)

            mailbox.put, mailbox._finished = put_if_alive, finished_if_alive  # type: ignore[assignment,method-assign]
            mailbox.start()

    def fail(self, error: BaseException) -> None:
        assert isinstance(error, DiedError), error
        self._died.set()

    def _reach(self, point: str) -> None:
        if point == self._point:
            raise DiedError(point)

    def feed(self, messages: Sequence[Any]) -> None:
        """Rows from the alerts topic."""
        end = messages[-1].offset() + 1
        self._inbox.put(Batch(self._topic, 0, 1, list(messages), end, caught_up=True, read_ms=wall_ms()))

    def live(self, *chunks: Sequence[Any]) -> bool:
        """Whether it lived through everything. Outcomes are taken together with the rows that come after them."""
        try:
            for chunk in chunks:
                self.feed(chunk)
                self._turn(0.0)
                wait_for(lambda: self._died.is_set() or not self._inbox.empty(), "an outcome is there")
                if self._died.is_set():
                    return False
            while not self._died.is_set():
                if set(self._group.fates.values()) == {Fate.SENT} and self._is_all_committed():
                    return True
                self._turn(0.05)
        except DiedError:
            pass
        finally:
            for mailbox in self._mailboxes.values():
                mailbox.stop()
                mailbox.join(10)
            with suppress(queue.Empty):
                while True:
                    self._inbox.get_nowait()
            self.part.producer.close()
        return False

    def _is_all_committed(self) -> bool:
        return self._group.position[self._topic, 0][0] == self.part.position


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as started:
        yield started


def written() -> list[list[Row]]:
    """Two steps: an alert fires in each."""
    rows = ModelRows()
    return [[rows.fires("a", T), rows.pulse(T)], [rows.fires("b", T + STEP), rows.pulse(T + STEP)]]


def ids(hook: LoopbackReceiver) -> Counter[str]:
    return Counter(told["telling_id"] for told in hook.tellings())


def test_without_a_death_each_is_told_once(broker: EmbeddedBroker, tmp_path: Path) -> None:
    with LoopbackReceiver() as hook:
        assert lived(broker, tmp_path, hook, "") == 1
        assert sorted(ids(hook).values()) == [1, 1]


@pytest.mark.parametrize("point", POINTS)
def test_who_dies_at_a_point_leaves_nothing_untold_and_nothing_twice(
    broker: EmbeddedBroker, tmp_path: Path, point: str
) -> None:
    with LoopbackReceiver() as hook:
        assert lived(broker, tmp_path, hook, point) == 2, POINTS[point]
        rows = ModelRows()
        told = hook.tellings()
        assert {one["fingerprint"] for one in told} == {rows.fingerprint("a"), rows.fingerprint("b")}
        assert len(ids(hook)) == 2  # decided once, whoever did
        contents = {got.headers["idempotency-key"]: got.body for got in hook.got}
        assert all(contents[got.headers["idempotency-key"]] == got.body for got in hook.got)
        again = {"sent": [1, 2]}  # it did not note that it had sent it
        assert sorted(ids(hook).values()) == again.get(point, [1, 1])


def lived(broker: EmbeddedBroker, folder: Path, hook: LoopbackReceiver, point: str) -> int:
    """How many deliverers it took."""
    bench = Bench(folder, EmbeddedCluster(broker), hook, f"dies-{point or 'not'}")
    bench.make_topics()
    steps = written()
    for rows in steps:
        bench.write(*rows)
    topic, group = (bench.config.topic("alerts"), 0), Group()
    with PartitionReader(bench.config.client, "test") as reader:
        messages = list(reader.records(topic, 0))
    lives = 1
    if not Mortal(bench, group, point).live(messages[:2], messages[2:]):
        lives += 1
        begin = group.position[topic][0] if topic in group.position else 0
        after = [one for one in messages if (one.offset() or 0) >= begin]
        successor = Mortal(bench, group, "")
        assert successor.live(*([after] if after else []))
    assert set(bench.fates().values()) == {"sent"}
    assert len(bench.fates()) == 2
    return lives
