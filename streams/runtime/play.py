"""Plays log files into topics, in the order of delivery, each record with its time of delivery as its timestamp.

That is how history gets onto a broker so that the job sees it as it once came: the loader of the demo and of the
tests. Records of one id go to one partition, as a producer with keys would do it, though with null keys.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from pathlib import Path
from typing import NamedTuple

from streams.formats.decoder import Decoder
from streams.formats.reasons import Kind
from streams.formats.spec import default_mapping
from streams.runtime.kafka.producer import Producer
from streams.runtime.replay import read_chunks


class Delivery(NamedTuple):
    """A line of a file and when it was delivered, ms."""

    delivered_ms: int
    kind: Kind
    id: bytes
    value: bytes


def deliveries(files: Sequence[tuple[Kind, Path]]) -> Iterator[Delivery]:
    """All lines of the files by time of delivery; each file keeps its order.

    Lines that cannot be decoded keep their place and have no id.
    """
    return merge(*(_of_file(kind, path) for kind, path in files), key=lambda d: d.delivered_ms)


def _of_file(kind: Kind, path: Path) -> Iterator[Delivery]:
    decoder = Decoder(default_mapping(kind))
    newest = 0
    for records in read_chunks(path, lambda _: None):
        decoded = decoder.decode(records, None)
        rows = dict(
            zip(decoded.offset.tolist(), zip(decoded.keys, decoded.delivered.tolist(), strict=True), strict=True)
        )
        for offset, value in zip(records.offsets, records.values, strict=True):
            key, delivered = rows.get(offset, (b"", newest))
            newest = max(newest, delivered)
            yield Delivery(newest, kind, key, value or b"")


def play(
    lines: Iterator[Delivery],
    producer: Producer,
    topics: dict[Kind, tuple[str, int]],
    *,
    pace: Callable[[int], None] = lambda _: None,
) -> int:
    """Send every line to the topic (name, partitions) of its kind; how many. `pace` hears the count and may wait."""
    n = 0
    for n, line in enumerate(lines, 1):
        topic, partitions = topics[line.kind]
        producer.send(topic, zlib.crc32(line.id) % partitions, line.value, timestamp_ms=line.delivered_ms)
        pace(n)
    return n
