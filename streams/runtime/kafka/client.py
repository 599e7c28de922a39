"""What every Kafka client of a worker agrees on: how errors end it, how long it is patient, what it logs.

An error either heals by waiting (no broker, a leader moving, a topic not yet known everywhere) or it does not
(no permission, a fatal client). Waiting is librdkafka's business and has no limit; the rest is one sentence for
the operator. librdkafka's own log is silenced: what matters in it arrives as errors, and is logged once per
change of state.
"""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException

from streams.runtime.errors import ConfigError, InternalError, NotPermittedError, StreamsError

TopicPartitionKey = tuple[str, int]
"""A partition: topic and number."""

COMMON: Mapping[str, Any] = {
    "log_level": 0,
    "log.connection.close": False,
    "socket.keepalive.enable": True,
    "reconnect.backoff.max.ms": 1_000,
    "topic.metadata.refresh.interval.ms": 30_000,
    # Loopback and most brokers answer at once; the default tries the next address only after 30 s.
    "socket.connection.setup.timeout.ms": 10_000,
}
"""Properties of every client, before the operator's own."""

# librdkafka's own codes begin with an underscore; they are as public as the broker's.
PARTITION_EOF: int = KafkaError._PARTITION_EOF  # noqa: SLF001
OUT_OF_RANGE: int = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001
LOG_TRUNCATION: int = KafkaError._LOG_TRUNCATION  # noqa: SLF001
ALL_BROKERS_DOWN: int = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001
ASSIGNMENT_LOST: int = KafkaError._ASSIGNMENT_LOST  # noqa: SLF001
FENCED: int = KafkaError._FENCED  # noqa: SLF001
FATAL: int = KafkaError._FATAL  # noqa: SLF001
TRANSPORT: int = KafkaError._TRANSPORT  # noqa: SLF001
UNSUPPORTED_FEATURE: int = KafkaError._UNSUPPORTED_FEATURE  # noqa: SLF001
TIMED_OUT: int = KafkaError._TIMED_OUT  # noqa: SLF001
PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001

NOT_PERMITTED = frozenset({
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
})  # fmt: skip
"""The broker knows this user and refuses what was asked."""

AUTHENTICATION = frozenset({
    KafkaError._AUTHENTICATION, KafkaError._SSL,  # noqa: SLF001
    KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError.UNSUPPORTED_SASL_MECHANISM,
})  # fmt: skip
"""The broker does not accept who is asking. A restarting broker can look like that for a moment."""

UNKNOWN_TOPIC = frozenset({
    KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNKNOWN_TOPIC_ID, KafkaError.INCONSISTENT_TOPIC_ID,
})  # fmt: skip
"""A topic is missing, or the broker asked does not know it yet."""

BAD_GROUP: Mapping[int, str] = {
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: "another consumer uses this group with another protocol or assignor",
    KafkaError.INVALID_SESSION_TIMEOUT: "the broker does not allow this session timeout",
    KafkaError.GROUP_MAX_SIZE_REACHED: "the group has as many members as the broker allows",
    KafkaError.INVALID_GROUP_ID: "the broker does not accept this group id",
    KafkaError.UNSUPPORTED_ASSIGNOR: "the broker does not know the assignor",
    KafkaError.FENCED_INSTANCE_ID: "another worker has the same static member id",
    KafkaError.UNRELEASED_INSTANCE_ID: "another worker has the same static member id",
    KafkaError.UNSUPPORTED_VERSION: "the broker is too old for what was asked",
}
"""What cannot heal about a consumer group, and why."""

OUT_OF_PATIENCE_S = 10.0
"""How long a refusal or a missing topic that may be passing is tolerated."""


class Log(Protocol):
    """Where a client says what happened: a structlog logger, or anything with these two."""

    def info(self, event: str, /, **fields: Any) -> Any: ...  # noqa: D102
    def warning(self, event: str, /, **fields: Any) -> Any: ...  # noqa: D102


class _Silence:
    """A log that nobody reads."""

    def info(self, event: str, /, **fields: Any) -> None:
        pass

    def warning(self, event: str, /, **fields: Any) -> None:
        pass


SILENCE: Log = _Silence()


def error_of(exception: KafkaException) -> KafkaError:
    """The librdkafka error inside an exception; an unknown one when it carries none."""
    inner = exception.args[0] if exception.args else None
    return inner if isinstance(inner, KafkaError) else KafkaError(KafkaError.UNKNOWN, str(exception))


def verdict(error: KafkaError, doing: str) -> StreamsError | None:
    """Why this error ends the worker, as its sentence; None when waiting can heal it."""
    code = error.code()
    if code in NOT_PERMITTED:
        return NotPermittedError(f"{doing}: the broker does not permit it ({error.str()}); grant it to this user")
    if code in BAD_GROUP:
        return ConfigError(f"{doing}: {BAD_GROUP[code]} ({error.str()})")
    if error.fatal() or code == FATAL:
        return InternalError(f"{doing}: the Kafka client gave up ({error.name()}: {error.str()})")
    return None


def not_accepted(doing: str, error: KafkaError) -> NotPermittedError:
    """The sentence for a login that the broker keeps refusing."""
    return NotPermittedError(f"{doing}: the broker does not accept the login ({error.str()})")


class Outage:
    """Whether brokers can be reached. Logs once when it begins and once when it ends."""

    def __init__(self, name: str, log: Log) -> None:
        self._name, self._log = name, log
        self._since_s: float | None = None

    @property
    def down(self) -> bool:
        """No broker answered since it began."""
        return self._since_s is not None

    def begin(self, reason: str) -> None:
        """No broker can be reached; noted once."""
        if self._since_s is None:
            self._since_s = time.monotonic()
            self._log.warning("no broker can be reached; waiting", client=self._name, reason=reason)

    def end(self) -> None:
        """A broker answered."""
        since_s, self._since_s = self._since_s, None
        if since_s is not None:
            down_s = round(time.monotonic() - since_s, 1)
            self._log.info("the broker is back", client=self._name, down_s=down_s)


class Patience:
    """How long things that may pass have lasted: `lasted(what)` is the seconds since it was first seen."""

    def __init__(self) -> None:
        self._since_s: dict[object, float] = {}

    def lasted(self, what: object) -> float:
        """Note that it is (still) so; the seconds since the first time."""
        now = time.monotonic()
        return now - self._since_s.setdefault(what, now)

    def over(self, what: object) -> None:
        """It passed."""
        self._since_s.pop(what, None)
