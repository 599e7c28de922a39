"""Which topics there are, whether they are as they must be, and making the job's own.

The job never changes a topic that exists: what is wrong is said with the command that mends it, because a changed
partition count or a compacted ledger would lose counts. The embedded broker knows no settings and cannot create
over the wire; there settings go unchecked, and a broker without topic ids has the name as id.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # public, but its stub does not say so
    AdminClient,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from streams.runtime.errors import StreamsError, TopicError, UnavailableError
from streams.runtime.kafka.client import (
    ALL_BROKERS_DOWN,
    AUTHENTICATION,
    COMMON,
    NOT_PERMITTED,
    TIMED_OUT,
    TRANSPORT,
    UNKNOWN_TOPIC,
    UNSUPPORTED_FEATURE,
    TopicPartitionKey,
    error_of,
    not_accepted,
    verdict,
)
from streams.runtime.kafka.topic_spec import (
    CHECKPOINT_CONFIG,
    LOG_CONFIG,
    TopicPlan,
    TopicState,
    output_config,
    problems_of,
)

__all__ = [
    "CHECKPOINT_CONFIG", "LOG_CONFIG", "TopicPlan", "TopicState", "Topics", "output_config", "problems_of",
]  # fmt: skip

_RETRY_S = 0.2
_CALL_S = 5.0
_NONE_AT_THAT_TIME = -1  # no record so late; below it an offset is no offset
_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"  # how the all-zero id of brokers without ids prints

T = TypeVar("T")


class Topics:
    """Questions and orders to a broker about topics. Every call waits at most `wait_s` for one to answer.

    Raises UnavailableError when none did, NotPermittedError when it refuses.
    """

    def __init__(self, client: Mapping[str, Any], wait_s: float = 10.0) -> None:
        self._wait_s, self._call_s = wait_s, min(wait_s, _CALL_S)
        self._address = client.get("bootstrap.servers", "?")
        self._reason = ""
        self._login: KafkaError | None = None
        properties: dict[str, Any] = {**COMMON, **client, "error_cb": self._client_error}
        self._admin = AdminClient(properties)

    def describe(self, names: Iterable[str]) -> dict[str, TopicState]:
        """How these topics are: existence, partitions, id, settings."""
        wanted = list(dict.fromkeys(names))
        # Without naming them: asking a broker for a topic by name can make it there and then.
        there = self._ask(lambda: self._admin.list_topics(timeout=self._call_s)).topics
        known = [name for name in wanted if name in there]
        ids, configs = self._ids(known), self._configs(known)
        states = {}
        for name in wanted:
            if name not in ids:  # also one that went between the two questions
                states[name] = TopicState(name, exists=False)
                continue
            states[name] = TopicState(
                name, exists=True, partitions=len(there[name].partitions), topic_id=ids[name],
                config=configs.get(name),
            )  # fmt: skip
        return states

    def described(self, names: Iterable[str], patience_s: float) -> dict[str, TopicState]:
        """As `describe`; a topic that is missing is asked about again until `patience_s` is over.

        A topic that was just made takes a moment until every broker knows it, and any of them may be the one that
        answers: one answer does not show that a topic is gone.
        """
        wanted, until_s = list(names), time.monotonic() + patience_s
        while True:
            states = self.describe(wanted)
            if all(state.exists for state in states.values()) or time.monotonic() > until_s:
                return states
            self._admin.poll(_RETRY_S)

    def ensure(self, plans: Sequence[TopicPlan], *, create: bool) -> dict[str, TopicState]:
        """Make what is missing (with `create`) and check what is there; how all of them are then.

        Raises TopicError with one line for each topic that is missing or not as planned.
        """
        states = self.describe(plan.name for plan in plans)
        missing = [plan for plan in plans if not states[plan.name].exists and plan.partitions]
        if missing and create:
            self._create(missing)
            states |= self.described((plan.name for plan in plans if plan.partitions), self._wait_s)
        problems = [line for plan in plans for line in problems_of(plan, states[plan.name])]
        if problems:
            raise TopicError("\n".join(problems))
        return states

    def topic_ids(self, names: Iterable[str]) -> dict[str, str]:
        """The id of each topic: another one when it was deleted and made again. Raises TopicError when missing."""
        states = self.describe(names)
        for state in states.values():
            if not state.exists:
                raise TopicError(f"topic {state.name} does not exist")
        return {name: state.topic_id for name, state in states.items()}

    def partitions(self, names: Iterable[str]) -> list[TopicPartitionKey]:
        """Every partition of these topics."""
        states = self.describe(names)
        return [(name, number) for name, state in states.items() for number in range(state.partitions)]

    def end_offsets(self, tps: Iterable[TopicPartitionKey]) -> dict[TopicPartitionKey, int]:
        """The offset after the last record of each partition."""
        return self._offsets(tps, OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def low_watermarks(self, tps: Iterable[TopicPartitionKey]) -> dict[TopicPartitionKey, int]:
        """The offset of the first record still there of each partition."""
        return self._offsets(tps, OffsetSpec.earliest())  # type: ignore[no-untyped-call]

    def offsets_at(self, tps: Iterable[TopicPartitionKey], time_ms: int) -> dict[TopicPartitionKey, int]:
        """The offset of the first record at or after a time of each partition; its end when there is none."""
        keys = list(tps)
        found = self._offsets(keys, OffsetSpec.for_timestamp(time_ms))
        after = self.end_offsets([key for key in keys if found[key] < 0])
        return {key: after[key] if offset < 0 else offset for key, offset in found.items()}

    def delete_records(self, before: Mapping[TopicPartitionKey, int]) -> bool:
        """Trim partitions below these offsets; False when the broker cannot (the embedded one)."""
        tps = [TopicPartition(*key, offset) for key, offset in before.items()]
        if not tps:
            return True
        try:
            self._ask(lambda: _all(self._admin.delete_records(tps, request_timeout=self._call_s)))
        except _UnsupportedError:
            return False
        return True

    def _offsets(self, tps: Iterable[TopicPartitionKey], spec: OffsetSpec) -> dict[TopicPartitionKey, int]:
        wanted = {TopicPartition(*key): spec for key in tps}
        if not wanted:
            return {}
        found = self._ask(lambda: _told(_all(self._admin.list_offsets(wanted, request_timeout=self._call_s))))
        return {(tp.topic, tp.partition): int(result.offset) for tp, result in found.items()}

    def _ids(self, names: Sequence[str]) -> dict[str, str]:
        if not names:
            return {}
        try:
            found = self._ask(
                lambda: _all(
                    self._admin.describe_topics(TopicCollection(list(names)), request_timeout=self._call_s),
                    UNKNOWN_TOPIC,
                )
            )
        except _UnsupportedError:
            return {name: name for name in names}
        ids = {name: str(topic.topic_id) for name, topic in found.items() if topic is not None}
        return {name: name if topic_id in (_NO_ID, "None", "") else topic_id for name, topic_id in ids.items()}

    def _configs(self, names: Sequence[str]) -> dict[str, Mapping[str, str]]:
        if not names:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        try:
            found = self._ask(
                lambda: _all(self._admin.describe_configs(resources, request_timeout=self._call_s), _UNTOLD)
            )
        except _UnsupportedError:
            return {}
        return {
            resource.name: {name: entry.value or "" for name, entry in entries.items()}
            for resource, entries in found.items()
            if entries is not None
        }

    def _create(self, plans: Sequence[TopicPlan]) -> None:
        new = [NewTopic(p.name, p.partitions, p.replication, config=dict(p.config)) for p in plans]
        names = ", ".join(plan.name for plan in plans)
        try:
            self._ask(
                lambda: _all(self._admin.create_topics(new, request_timeout=self._call_s), fine=_EXISTS),
                f"creating topics {names}",
            )
        except _UnsupportedError:
            raise TopicError(f"topics {names} are missing and this broker cannot create them over the wire") from None

    def _ask(self, call: Callable[[], T], doing: str = "asking about topics") -> T:
        """Repeat a call until a broker answers, at most `wait_s`."""
        until_s = time.monotonic() + self._wait_s
        while True:
            try:
                return call()
            except KafkaException as raised:
                error = error_of(raised)
                self._admin.poll(0)  # what the client met meanwhile
                if error.code() in _UNSUPPORTED:
                    raise _UnsupportedError from raised
                final = verdict(error, doing) or (None if _passing(error) else _refused(error, doing))
                if final is not None:
                    raise final from raised
                if time.monotonic() > until_s:
                    if self._login is not None:
                        raise not_accepted(doing, self._login) from raised
                    raise UnavailableError(
                        f"no broker answered at {self._address} within {self._wait_s:g} s "
                        f"({self._reason or error.str()}); is it running, and is bootstrap.servers right?"
                    ) from raised
                self._look_again(error)

    def _look_again(self, error: KafkaError) -> None:
        """Wait a moment; ask who leads where a leader has moved, the client itself would ask only in half a minute."""
        self._admin.poll(_RETRY_S)
        if error.code() in _LEADER_MOVED:
            with contextlib.suppress(KafkaException):
                self._admin.list_topics(timeout=self._call_s)

    def _client_error(self, error: KafkaError) -> None:
        if error.code() in AUTHENTICATION:
            self._login = error
        if error.code() != ALL_BROKERS_DOWN:
            self._reason = error.str()


class _UnsupportedError(Exception):
    """The broker does not have this request at all."""


_EXISTS = frozenset({KafkaError.TOPIC_ALREADY_EXISTS})
_UNTOLD = UNKNOWN_TOPIC | NOT_PERMITTED  # settings of others' topics may be none of our business
_UNSUPPORTED = frozenset({UNSUPPORTED_FEATURE, KafkaError.UNSUPPORTED_VERSION})


_LEADER_MOVED = frozenset({
    KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.BROKER_NOT_AVAILABLE, KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.KAFKA_STORAGE_ERROR,
    KafkaError._NOENT,  # noqa: SLF001 - what the client itself says when no partition it asked about has a leader
})  # fmt: skip
_PASSING = UNKNOWN_TOPIC | _LEADER_MOVED | {
    TIMED_OUT, TRANSPORT, ALL_BROKERS_DOWN, KafkaError.REQUEST_TIMED_OUT, KafkaError.NETWORK_EXCEPTION,
    KafkaError.NOT_CONTROLLER, KafkaError.OFFSET_NOT_AVAILABLE, KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.NOT_COORDINATOR,
}  # fmt: skip
"""A leader that moves, a broker that restarts: the next answer may be another one."""


def _passing(error: KafkaError) -> bool:
    """Whether asking again can help."""
    return error.retriable() or error.code() in _PASSING


def _refused(error: KafkaError, doing: str) -> StreamsError:
    return TopicError(f"{doing}: the broker refuses ({error.name()}: {error.str()})")


def _told(found: dict[Any, Any]) -> dict[Any, Any]:
    """Offsets as they are; while leaders move the client may hand out -1001 for one that nobody told."""
    if any(result.offset < _NONE_AT_THAT_TIME for result in found.values()):
        raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE, "no leader told where its log ends"))
    return found


def _all(futures: Mapping[Any, Any], fine: frozenset[int] = frozenset()) -> dict[Any, Any]:
    """The results of an admin call, one per topic or partition; errors in `fine` are results too."""
    results: dict[Any, Any] = {}
    for what, future in futures.items():
        try:
            results[what] = future.result(2 * _CALL_S)
        except KafkaException as error:
            if error_of(error).code() not in fine:
                raise
            results[what] = None
        except TimeoutError:  # without a leader the client may wait longer than it was told to
            raise KafkaException(KafkaError(TIMED_OUT, "the client did not answer in time")) from None
    return results
