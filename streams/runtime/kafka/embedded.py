"""A Kafka broker inside this process: librdkafka's mock cluster from the confluent-kafka wheel.

It serves the demo and the fast tests: a real socket on loopback in milliseconds, no Java, no Docker, and
faults on request. It keeps about 5 MB a partition and has no compaction, no CreateTopics, no topic settings
and no reading of transactions; `streams.runtime.kafka.topics` knows that. A real Kafka never meets this file.

`python -m streams.runtime.kafka.embedded --topics raw:4,labels:2` runs one as a process of its own: it prints one
JSON line `{"bootstrap": "127.0.0.1:PORT"}` and lives until its standard input closes or SIGTERM comes, so it
dies with whoever started it.
"""

import argparse
import ctypes
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from confluent_kafka import cimpl

from streams.runtime.errors import InternalError, TopicError, UnavailableError

_PRODUCER = 0  # rd_kafka_type_t: the handle that carries the cluster; it never produces
_POINTER, _INT, _INT16, _INT32, _INT64, _SIZE = (
    ctypes.c_void_p, ctypes.c_int, ctypes.c_int16, ctypes.c_int32, ctypes.c_int64, ctypes.c_size_t,
)  # fmt: skip
_TEXT = ctypes.c_char_p

_SIGNATURES: Mapping[str, tuple[Any, Sequence[Any]]] = {
    "rd_kafka_conf_new": (_POINTER, ()),
    "rd_kafka_conf_set": (_INT, (_POINTER, _TEXT, _TEXT, _TEXT, _SIZE)),
    "rd_kafka_new": (_POINTER, (_INT, _POINTER, _TEXT, _SIZE)),
    "rd_kafka_destroy": (None, (_POINTER,)),
    "rd_kafka_mock_cluster_new": (_POINTER, (_POINTER, _INT)),
    "rd_kafka_mock_cluster_destroy": (None, (_POINTER,)),
    "rd_kafka_mock_cluster_bootstraps": (_TEXT, (_POINTER,)),
    "rd_kafka_mock_topic_create": (_INT, (_POINTER, _TEXT, _INT, _INT)),
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, (_POINTER, _INT32)),
    "rd_kafka_mock_partition_delete_records": (_INT, (_POINTER, _TEXT, _INT32, _INT64)),
    "rd_kafka_mock_set_controller_id": (_INT, (_POINTER, _INT32)),
    "rd_kafka_mock_push_request_errors_array": (None, (_POINTER, _INT16, _SIZE, ctypes.POINTER(_INT))),
    "rd_kafka_mock_broker_set_down": (_INT, (_POINTER, _INT32)),
    "rd_kafka_mock_broker_set_up": (_INT, (_POINTER, _INT32)),
    "rd_kafka_mock_broker_set_rtt": (_INT, (_POINTER, _INT32, _INT)),
}


def _bind() -> Mapping[str, Any]:
    """The mock cluster's functions, looked up through confluent-kafka's own extension module.

    The dynamic linker searches the libraries the extension was linked with, so this finds the very librdkafka
    that the clients use, on Linux and macOS, bundled or the system's.
    """
    library = ctypes.CDLL(cimpl.__file__)
    functions: dict[str, Any] = {}
    for name, (result, arguments) in _SIGNATURES.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise UnavailableError(
                f"the embedded broker needs a librdkafka with mock clusters ({name} is missing); "
                "install confluent-kafka 2.16 or newer from its wheel, or use a real Kafka"
            ) from None
        function.restype, function.argtypes = result, list(arguments)
        functions[name] = function
    return functions


class EmbeddedBroker:
    """One mock cluster of `brokers` brokers (ids 1..brokers). A context manager; `close` can be repeated.

    `partitions_default` is what `create_topic` takes when it is not told. The cluster makes unknown topics by
    itself (4 partitions) as soon as a client asks for them, so create topics first.
    """

    def __init__(self, partitions_default: int = 4, brokers: int = 1) -> None:
        self.partitions_default = partitions_default
        self._call = _bind()
        reason = ctypes.create_string_buffer(512)
        properties = self._call["rd_kafka_conf_new"]()
        self._call["rd_kafka_conf_set"](properties, b"log_level", b"0", reason, len(reason))
        self._handle = self._call["rd_kafka_new"](_PRODUCER, properties, reason, len(reason))
        if not self._handle:
            raise UnavailableError(f"the embedded broker did not start: {reason.value.decode()}")
        self._cluster = self._call["rd_kafka_mock_cluster_new"](self._handle, brokers)
        if not self._cluster:
            raise UnavailableError("the embedded broker did not start: no free port on loopback")
        self._call["rd_kafka_mock_group_initial_rebalance_delay_ms"](self._cluster, 0)
        # Admin requests wait for a controller; without one they time out instead of saying "unsupported".
        self._call["rd_kafka_mock_set_controller_id"](self._cluster, 1)
        self.bootstrap: str = self._call["rd_kafka_mock_cluster_bootstraps"](self._cluster).decode()

    @property
    def client(self) -> dict[str, Any]:
        """The librdkafka properties that reach this broker."""
        return {"bootstrap.servers": self.bootstrap}

    def create_topic(self, name: str, partitions: int | None = None) -> None:
        """Make a topic. Raises TopicError when it exists or the name is not one."""
        count = partitions or self.partitions_default
        code = self._call["rd_kafka_mock_topic_create"](self._alive(), name.encode(), count, 1)
        if code:
            raise TopicError(
                f"the embedded broker could not create topic {name} (error {code}): does it exist already?"
            )

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Drop the records of a partition below offset `before`, as retention does."""
        self._check(
            "delete records",
            self._call["rd_kafka_mock_partition_delete_records"](self._alive(), topic.encode(), partition, before),
        )

    def push_errors(self, api_key: int, *codes: int) -> None:
        """Answer the next requests of this API key with these Kafka error codes, one each, in order."""
        array = (_INT * len(codes))(*codes)
        self._call["rd_kafka_mock_push_request_errors_array"](self._alive(), api_key, len(codes), array)

    def broker_down(self, broker: int = 1) -> None:
        """Close a broker's connections and refuse new ones; its log stays."""
        self._check("take the broker down", self._call["rd_kafka_mock_broker_set_down"](self._alive(), broker))

    def broker_up(self, broker: int = 1) -> None:
        """Let a broker that was taken down accept connections again."""
        self._check("bring the broker up", self._call["rd_kafka_mock_broker_set_up"](self._alive(), broker))

    def set_rtt(self, rtt_ms: int, broker: int = 1) -> None:
        """Delay every answer of a broker by so many ms."""
        self._check("set the delay", self._call["rd_kafka_mock_broker_set_rtt"](self._alive(), broker, rtt_ms))

    def close(self) -> None:
        """Stop the broker and free its records. Clients see it go down."""
        cluster, self._cluster = self._cluster, None
        if cluster:
            self._call["rd_kafka_mock_cluster_destroy"](cluster)
            self._call["rd_kafka_destroy"](self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _alive(self) -> Any:
        if not self._cluster:
            raise InternalError("the embedded broker is closed")
        return self._cluster

    @staticmethod
    def _check(what: str, code: int) -> None:
        if code:
            raise InternalError(f"the embedded broker could not {what} (error {code})")


def parse_topics(text: str) -> list[tuple[str, int]]:
    """The topics in `name:partitions,name:partitions`. Raises ValueError on anything else."""
    topics = []
    for item in filter(None, text.split(",")):
        name, colon, count = item.rpartition(":")
        if not colon or not name or not count.isdecimal() or int(count) < 1:
            raise ValueError(f"{item!r} is not name:partitions")
        topics.append((name, int(count)))
    return topics


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a broker until standard input closes or SIGTERM or SIGINT comes; the process exit code."""
    parser = argparse.ArgumentParser(prog="streams.runtime.kafka.embedded", description="An embedded Kafka broker.")
    parser.add_argument("--topics", type=parse_topics, default=[], help="name:partitions,name:partitions")
    options = parser.parse_args(arguments)
    over, descriptor = threading.Event(), sys.stdin.fileno()

    def stop(_signal: int, _frame: object) -> None:
        over.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)

    def watch() -> None:
        while os.read(descriptor, 4096):  # unbuffered: a buffer's lock would be held at the interpreter's end
            pass
        over.set()

    with EmbeddedBroker() as broker:
        for name, partitions in options.topics:
            broker.create_topic(name, partitions)
        sys.stdout.write(json.dumps({"bootstrap": broker.bootstrap}) + "\n")
        sys.stdout.flush()
        threading.Thread(target=watch, name="stdin", daemon=True).start()
        over.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
