"""The topics of throughput and recovery: predictions and labels, 8 partitions each, null keys.

    python -m benchmarks.fill [--quick]

First all predictions, then all labels, in the order of event time within each partition; compressed with lz4.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import Producer

from benchmarks import messages
from benchmarks.broker import PARTITIONS, Broker
from benchmarks.sizes import Sizes

PREDICTIONS, LABELS = "predictions", "labels"
"""The topics' names."""

_SPAN_MS = 45 * 60_000  # of event time; it ends 10 minutes ago
_AGE_MS = _SPAN_MS + 10 * 60_000


def fill(
    broker: Broker,
    size: Sizes,
    topics: tuple[str, str] = (PREDICTIONS, LABELS),
    pairs: int = 0,
    compression: str = "lz4",
) -> dict[str, Any]:
    """Make both topics and write the predictions, then the labels; `pairs` 0: as many as the size says."""
    count = pairs or size.predictions
    names = messages.ids(count)
    begin_ms = time.time_ns() // 1_000_000 - _AGE_MS
    began_s = time.monotonic()
    found: dict[str, Any] = {"pairs": count, "partitions": PARTITIONS}
    kinds: tuple[tuple[str, str, Callable[[int, str, int], bytes], int], ...] = (
        ("prediction", topics[0], messages.prediction, 0),
        ("label", topics[1], messages.label, 3),  # not the partition of its prediction
    )
    for kind, topic, message, shift in kinds:
        broker.make(topic)
        values = (message(i, name, begin_ms + i * _SPAN_MS // count) for i, name in enumerate(names))
        found[f"{kind}_bytes"] = round(_write(broker, topic, values, shift, compression) / count, 1)
    found["took_s"] = round(time.monotonic() - began_s, 1)
    return found


def _write(broker: Broker, topic: str, values: Iterable[bytes], shift: int, compression: str) -> int:
    """Write the values round the partitions, everything acknowledged; their bytes."""
    producer = Producer({
        "bootstrap.servers": broker.bootstrap, "linger.ms": 20, "compression.type": compression,
        "queue.buffering.max.messages": 200_000, "batch.num.messages": 10_000, "log_level": 0,
    })  # fmt: skip
    size_bytes = 0
    for i, value in enumerate(values):
        size_bytes += len(value)
        while True:
            try:
                producer.produce(topic, value, partition=(i + shift) % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.05)
        if i % 10_000 == 0:
            producer.poll(0)
    if producer.flush(120):
        raise RuntimeError(f"{topic} could not be filled")
    return size_bytes


if __name__ == "__main__":
    from benchmarks.part import alone

    alone(fill, __doc__ or "", filled=False)
