"""The configuration that a job's logs were written with, kept in the logs themselves.

The pin is one record of the checkpoints topic; the first one in the log wins, whoever wrote it, and every worker reads
it back before it sends anything. A worker with another configuration refuses to start and says what differs.
"""

import uuid
from collections.abc import Iterator

import orjson
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.runtime.config import Config
from streams.runtime.config_pins import Pins, differences
from streams.runtime.errors import MismatchError, UnavailableError
from streams.runtime.kafka_client import COMMON, error_of, verdict
from streams.runtime.producer import Producer

KEY = b"pin|"
PATIENCE_S = 30.0


def ensure_pinned(config: Config, producer: Producer) -> None:
    """Pin this configuration if nothing is pinned yet; raise MismatchError when something else is."""
    pinned = read_pin(config)
    if pinned is None:
        # each attempt has a key of its own: compaction would keep the last of equal keys, and the first must win
        record = orjson.dumps({"hash": config.config_hash, "pins": dict(config.pinned())})
        producer.send(config.topic("checkpoints"), 0, record, key=KEY + uuid.uuid4().hex.encode())
        if not producer.flush(PATIENCE_S):
            raise UnavailableError(f"no broker accepted the pinned configuration within {PATIENCE_S:.0f} s")
        pinned = read_pin(config)
    if pinned is None:
        raise UnavailableError(f"the pinned configuration could not be read back from {config.topic('checkpoints')}")
    found, pins = pinned
    if found != config.config_hash:
        said = (
            "; ".join(differences(config.pinned(), pins)) or f"its hash is {config.config_hash}, the logs' is {found}"
        )
        raise MismatchError(
            f"{config.file}: this is not the configuration the job {config.name!r} was started with: {said}. "
            f"Put it back as it was, or start another job beside it with a new `name` and `prefix`"
        )


def read_pin(config: Config) -> tuple[str, Pins] | None:
    """(hash, pinned settings) of the first pin in the log; None when there is none."""
    for key, value in _records(config):
        if key is not None and key.startswith(KEY) and value is not None:
            content = orjson.loads(value)
            return content["hash"], content["pins"]
    return None


def _records(config: Config) -> Iterator[tuple[bytes | None, bytes | None]]:
    """The records of partition 0 of the checkpoints topic, from its start to its end of now."""
    consumer = Consumer({
        **COMMON, **config.client, "group.id": f"{config.name}-pin", "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "enable.partition.eof": True, "isolation.level": "read_committed",
    })  # fmt: skip
    topic = TopicPartition(config.topic("checkpoints"), 0)
    try:
        low, high = consumer.get_watermark_offsets(topic, timeout=PATIENCE_S)
        if high <= low:
            return
        consumer.assign([TopicPartition(topic.topic, 0, low)])
        while True:
            for message in consumer.consume(1000, 0.1):
                error = message.error()
                if error is None:
                    yield message.key(), message.value()
                elif error.code() == error._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name for it
                    return
                elif (fatal := verdict(error, f"reading {topic.topic}")) is not None:
                    raise fatal
    except KafkaException as error:
        cause = error_of(error)
        raise verdict(cause, f"reading {topic.topic}") or UnavailableError(
            f"{topic.topic} cannot be read: {cause.str()}. Is the broker up?"
        ) from error
    finally:
        consumer.close()
