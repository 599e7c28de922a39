"""The configuration that a job's logs were written with, kept in the logs themselves.

The pin is one record of the checkpoints topic; the first one in the log wins, whoever wrote it, and every worker reads
it back before it sends anything. A worker with another configuration refuses to start and says what differs.
"""

import uuid

import orjson

from streams.runtime.config.job import Config
from streams.runtime.config.pins import Pins, differences
from streams.runtime.errors import MismatchError, UnavailableError
from streams.runtime.kafka.partition_reader import PartitionReader
from streams.runtime.kafka.producer import Producer

KEY = "pin|"
PATIENCE_S = 30.0


def ensure_pinned(config: Config, producer: Producer) -> None:
    """Pin this configuration if nothing is pinned yet; raise MismatchError when something else is."""
    pinned = read_pin(config)
    if pinned is None:
        # each attempt has a key of its own: compaction would keep the last of equal keys, and the first must win
        record = orjson.dumps({"hash": config.config_hash, "pins": dict(config.pinned())})
        producer.send(config.topic("checkpoints"), 0, record, key=f"{KEY}{uuid.uuid4().hex}".encode())
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
    """(hash, pinned settings) of the first pin in the log; None when there is none.

    Whoever writes there pins first, so the pin comes before everything else and little is read.
    """
    tp = config.topic("checkpoints"), 0
    with PartitionReader(config.client, f"{config.name}-pin", PATIENCE_S) as reader:
        low, _ = reader.bounds(tp)
        for message in reader.records(tp, low):
            if (message.key() or b"").startswith(KEY.encode()) and message.value() is not None:
                value = orjson.loads(message.value() or b"")
                return value["hash"], value["pins"]
    return None
