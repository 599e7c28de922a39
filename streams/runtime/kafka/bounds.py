"""From where to where does a partition reach? Asked of its leader, and never answered by half.

`Consumer.get_watermark_offsets` asks for both ends at once; when a leader moves and only one answer comes, it may give
that one for both (librdkafka 2.16). A log that seems to begin at its end is a log whose records are skipped.
"""

import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.runtime.kafka.client import TopicPartitionKey, error_of

_EARLIEST, _LATEST = -2, -1  # the protocol's times that are none
_RETRY_S = 0.1

_LEADER_MOVED = frozenset({
    KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.OFFSET_NOT_AVAILABLE, KafkaError.REPLICA_NOT_AVAILABLE,
})  # fmt: skip


def bounds_of(consumer: Consumer, tp: TopicPartitionKey, timeout_s: float) -> tuple[int, int]:
    """The offset of the first record still there, and the one after the last that this consumer may read.

    A leader that moves is looked for within `timeout_s`. Raises KafkaException when there is none, or another error.
    """
    until_s = time.monotonic() + timeout_s
    return _offset(consumer, tp, _EARLIEST, until_s), _offset(consumer, tp, _LATEST, until_s)


def _offset(consumer: Consumer, tp: TopicPartitionKey, moment: int, until_s: float) -> int:
    while True:
        left_s = until_s - time.monotonic()
        try:
            [found] = consumer.offsets_for_times([TopicPartition(*tp, moment)], max(left_s, _RETRY_S))
            if found.error is None and found.offset >= 0:
                return int(found.offset)
            error = found.error or KafkaError(KafkaError.LEADER_NOT_AVAILABLE, "no leader told its offsets")
        except KafkaException as raised:
            error = error_of(raised)
        if left_s < _RETRY_S or error.code() not in _LEADER_MOVED:
            raise KafkaException(error)
        threading.Event().wait(_RETRY_S)
