"""Is there a broker while a client of this worker finds none? librdkafka can lose its brokers for good.

A broker that has just come back may for a moment say that there are no brokers at all. Who asks in that moment forgets
every address it had, and never connects again (librdkafka issue 5301, open in 2.16); others of the same process go
on. So what waits for a broker is watched: while it waits, a new client asks whether there is one. If there is, and it
still waits a minute later, only a new process helps, and the worker ends: what it kept is in its logs.

A source may wait without knowing it: the group gave its partitions to others while the broker was silent, and it never
hears of the group again. So one that has been without a word of its group is watched like one without a broker. Not
with the protocol `consumer`: there the group has no word for a member that gets no partitions.

A client also waits where a partition has no leader, or too few replicas in sync to be written to. A new process would
wait for the same, so a client is blamed only while every partition of the job has its leader and all replicas in sync.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # public, but its stub does not say so
    AdminClient,
    ClusterMetadata,
)

from streams.runtime.clock import monotonic_s
from streams.runtime.config.job import Config
from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.client import COMMON
from streams.runtime.kafka.producer import Producer
from streams.runtime.kafka.source import Source
from streams.runtime.topic_plans import own_plans, raw_plans

SOURCES, PRODUCERS = ("intake", "join", "judge"), ("the ledger", "the tallies", "outputs", "checkpoints")
"""How sources and producers are called, in the order of the worker."""

LOOK_S = 10.0
"""How often to look."""

PATIENCE_S = 75.0
"""How long a broker must have been there, at every look, for a client that waits all the same."""

_CALL_S = 5.0


class Lifeline:
    """`look` with what waits for a broker; it raises when that is in vain."""

    def __init__(self, reached: Callable[[], bool], clock_s: Callable[[], float]) -> None:
        """`reached` asks with a client of its own whether nothing is amiss with the brokers; `clock_s` is monotonic."""
        self._reached, self._clock_s = reached, clock_s
        self._waiting: dict[str, tuple[object, float]] = {}

    def look(self, waiting: Mapping[str, object]) -> None:
        """`waiting` names what waits, each with how far it has come: one that moves on is well. May block for seconds.

        Raises UnavailableError when something waited for long although there is a broker.
        """
        if not waiting or not self._reached():
            self._waiting.clear()
            return
        now_s = self._clock_s()
        self._waiting = {
            name: known if (known := self._waiting.get(name)) is not None and known[0] == come else (come, now_s)
            for name, come in waiting.items()
        }
        for name, (_, since_s) in self._waiting.items():
            if now_s - since_s > PATIENCE_S:
                raise UnavailableError(
                    f"{name} has waited for {now_s - since_s:.0f} s for a broker, or for its group, although there is "
                    f"one: its client is of no use any more. Start again; nothing is lost"
                )


async def watch(config: Config, waiting: Callable[[], Mapping[str, object]]) -> None:
    """Look again and again at everything of a worker that waits for brokers, as `Lifeline.look` takes it."""
    lifeline = Lifeline(lambda: reached(config), monotonic_s)
    while True:
        await asyncio.sleep(LOOK_S)
        await asyncio.to_thread(lifeline.look, waiting())


def waiting_of(
    config: Config, sources: Sequence[Source], producers: Sequence[Producer], rounds_since_s: Mapping[int, float]
) -> dict[str, object]:
    """What of a worker waits for brokers at this moment; `rounds_since_s` are being written."""
    waiting: dict[str, object] = {}
    for name, source in zip(SOURCES, sources, strict=True):
        waiting |= waiting_source(config, name, source)
    for name, producer in zip(PRODUCERS, producers, strict=True):
        if producer.outstanding:
            waiting[f"the producer of {name}"] = producer.records
    return waiting | {f"a round of tallies partition {p}": since_s for p, since_s in dict(rounds_since_s).items()}


def waiting_source(config: Config, name: str, source: Source) -> dict[str, object]:
    """A source, if it waits for a broker or for a word of its group."""
    waits = source.down or (source.stats.away and config.group_protocol == "classic")
    return {f"the source of {name}": source.stats.rebalances} if waits else {}


def reached(config: Config) -> bool:
    """Whether a new client finds brokers, and every topic of the job whole. Blocks for seconds at most."""
    try:
        # Without naming them: asking a broker for a topic by name can make it there and then.
        cluster = AdminClient({**COMMON, **config.client}).list_topics(timeout=_CALL_S)
    except KafkaException:
        return False
    return whole(cluster, (plan.name for plan in (*own_plans(config), *raw_plans(config))))


def whole(cluster: ClusterMetadata, topics: Iterable[str]) -> bool:
    """Whether there is a broker, and each of these topics, with a leader and all replicas in sync everywhere."""
    known = cluster.topics
    return bool(cluster.brokers) and all(
        name in known
        and known[name].error is None
        and all(p.leader >= 0 and len(p.isrs) == len(p.replicas) for p in known[name].partitions.values())
        for name in topics
    )
