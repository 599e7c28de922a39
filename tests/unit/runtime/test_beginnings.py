"""Where a source begins: at its offset, at what the ledger applied, at its start, or at the first record there."""

from dataclasses import replace
from typing import cast

import pytest

from streams.ledger.position import SourceId, start
from streams.runtime.config.job import Config, load
from streams.runtime.config.values import Start
from streams.runtime.errors import StateError
from streams.runtime.kafka.client import SILENCE, TopicPartitionKey
from streams.runtime.stages.beginnings import Beginnings, Committed
from streams.runtime.state import PartitionStatus, SourceStatus
from streams.runtime.topology import Topology

LOW, AT_TIME, END = 10, 50, 90
TIME_MS = 1_700_000_000_000


class Topics:
    """A topic `t` that begins at 10 and ends at 90 in every partition."""

    def __init__(self, partitions: int) -> None:
        self.partitions, self.id = partitions, "life1"

    def announced(self) -> tuple[SourceId, ...]:
        return tuple(SourceId("t", p, self.id) for p in range(self.partitions))

    def topic_id(self, topic: str) -> str:
        return self.id if topic == "t" else "ledger1"

    def start_offset(self, tp: TopicPartitionKey, policy: Start) -> int:
        assert tp[0] == "t"
        return {"earliest": LOW, "latest": END}.get(str(policy), AT_TIME)

    def check_not_truncated(self, tp: TopicPartitionKey, offset: int) -> None:
        if offset > END:
            raise StateError(f"{tp} was truncated")


def beginnings(
    topics: Topics, policy: Start = "latest", applied: tuple[int | None, ...] = (), ledger: int = 2
) -> Beginnings:
    """`applied` is what each ledger partition with a status has applied of t[0]; `ledger` is how many there are."""
    name = str(SourceId("t", 0, "life1"))
    positions = [None if offset is None else start(offset) + 3 for offset in applied]
    sources = [{name: SourceStatus(position, None, None, idle=False, why="")} for position in positions]
    statuses = [PartitionStatus(n, "w", 0, None, 0, 0, 0, (), 0, said) for n, said in enumerate(sources)]
    config = load(None, {})
    config = replace(config, ledger=replace(config.ledger, partitions=ledger))

    def told(_config: Config) -> list[PartitionStatus]:
        return statuses

    return Beginnings(config, cast("Topology", topics), {"t": policy}, SILENCE, told)


def offset_of(made: Beginnings, partition: int, committed: Committed) -> tuple[int, bool]:
    tp = ("t", partition)
    asked = {key: committed.get(key) for key in made.siblings([tp])}
    return made.find([tp], asked)[tp]


@pytest.mark.parametrize(("policy", "offset"), [("earliest", LOW), ("latest", END), (TIME_MS, AT_TIME)])
def test_a_topic_that_nobody_read_begins_where_the_configuration_says(policy: Start, offset: int) -> None:
    assert offset_of(beginnings(Topics(4), policy), 2, {}) == (offset, True)


@pytest.mark.parametrize("policy", ["latest", TIME_MS])
def test_a_partition_that_was_added_later_begins_at_its_first_record(policy: Start) -> None:
    topics = Topics(2)
    first = beginnings(topics, policy)
    offset_of(first, 0, {})
    committed: Committed = {("t", 0): (70, first.note("t"))}
    topics.partitions = 3
    assert offset_of(beginnings(topics, policy), 2, committed) == (LOW, True)


def test_the_partitions_of_a_first_start_all_begin_alike_whoever_loads_them_first() -> None:
    first = beginnings(Topics(4))
    assert offset_of(first, 0, {}) == (END, True)
    committed: Committed = {("t", 0): (END, first.note("t"))}
    for partition in (1, 2, 3):
        assert offset_of(beginnings(Topics(4)), partition, committed) == (END, True)


def test_how_many_partitions_there_were_at_first_is_kept_over_restarts() -> None:
    first = beginnings(Topics(2))
    offset_of(first, 0, {})
    again = beginnings(Topics(3))
    assert offset_of(again, 0, {("t", 0): (70, first.note("t"))}) == (70, False)
    assert again.note("t") == first.note("t")


def test_a_topic_that_was_made_again_begins_anew() -> None:
    topics = Topics(2)
    before = beginnings(topics)
    offset_of(before, 0, {})
    topics.id = "life2"
    note = before.note("t")
    assert "life2" in note
    committed: Committed = {("t", 0): (70, note.replace("life2", "life1"))}
    assert offset_of(beginnings(topics, applied=(60, 60)), 1, committed) == (END, True)
    assert offset_of(beginnings(topics, applied=(60, 60)), 0, committed) == (END, True)


@pytest.mark.parametrize("policy", ["latest", "earliest", TIME_MS])
@pytest.mark.parametrize("committed", [{}, {("t", 1): (70, "mine")}])
def test_a_lost_offset_is_found_in_the_ledger(policy: Start, committed: Committed) -> None:
    note = beginnings(Topics(2)).note("t")
    committed = {tp: (found[0], note) for tp, found in committed.items() if found is not None}
    assert offset_of(beginnings(Topics(2), policy, (60, 40)), 0, committed) == (40, True)


def test_retention_above_what_the_ledger_applied_leaves_the_skip_to_be_declared() -> None:
    assert offset_of(beginnings(Topics(2), "earliest", (4, 5)), 0, {}) == (4, True)


@pytest.mark.parametrize(("policy", "offset"), [("earliest", LOW), ("latest", 60)])
@pytest.mark.parametrize("applied", [(60,), (60, None)])
def test_a_ledger_partition_that_does_not_know_the_source_gets_it_from_its_start(
    policy: Start, offset: int, applied: tuple[int | None, ...]
) -> None:
    assert offset_of(beginnings(Topics(2), policy, applied), 0, {}) == (offset, True)


def test_a_log_that_ends_below_what_the_ledger_applied_is_refused() -> None:
    with pytest.raises(StateError, match="truncated"):
        offset_of(beginnings(Topics(2), applied=(40, 91)), 0, {})


def test_another_ledger_is_refused() -> None:
    note = beginnings(Topics(2)).note("t").replace("ledger1", "ledger0")
    with pytest.raises(StateError, match="another topic"):
        offset_of(beginnings(Topics(2)), 0, {("t", 0): (70, note)})
    with pytest.raises(StateError, match="another topic"):
        offset_of(beginnings(Topics(2)), 0, {("t", 0): (70, "not a note")})
