"""How fast is the least that any job in Python has to do: consume with confluent-kafka, and `orjson.loads` each value?

    python -m benchmarks.bare_loop [--quick]

One process, one thread of Python, the client's settings as the job has them. It keeps nothing and counts nothing but
messages. The yardstick of the job's throughput in the same run. The module is also its own child process.
"""

import resource
import sys
import time

import orjson
from confluent_kafka import Consumer, TopicPartition

from benchmarks.broker import PARTITIONS, Broker
from benchmarks.fill import LABELS, PREDICTIONS
from benchmarks.part import Result, alone
from benchmarks.processes import answer
from benchmarks.sizes import Sizes

TIMEOUT_S = 300.0


def measure(broker: Broker, size: Sizes) -> Result:
    """Events/s and CPU from the first message to the last, and the peak memory."""
    arguments = ["--child", broker.bootstrap, str(2 * size.predictions)]
    return answer("benchmarks.bare_loop", arguments, broker.folder, TIMEOUT_S)


def consume(bootstrap: str, events: int) -> Result:
    """The loop."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "bare-loop", "enable.auto.commit": False,
        "fetch.queue.backoff.ms": 5, "queued.min.messages": 200_000,
    })  # fmt: skip
    consumer.assign([TopicPartition(topic, p, 0) for topic in (PREDICTIONS, LABELS) for p in range(PARTITIONS)])
    left, began_s, cpu_s = events, 0.0, 0.0
    while left > 0:
        messages = consumer.consume(10_000, 0.05)
        if messages and not began_s:
            began_s, cpu_s = time.monotonic(), time.process_time()
        for message in messages:
            orjson.loads(message.value() or b"")
        left -= len(messages)
    took_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
    consumer.close()
    return {
        "events": events, "events_per_s": round(events / took_s), "cpu_us_per_event": round(1e6 * cpu_s / events, 3),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        sys.stdout.write(orjson.dumps(consume(sys.argv[2], int(sys.argv[3]))).decode())
    else:
        alone(measure, __doc__ or "", filled=True)
