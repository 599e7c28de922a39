"""Sends predictions and their labels at a steady rate; a child process of `benchmarks.latency`.

    python -m benchmarks.sender BOOTSTRAP PREDICTIONS LABELS EVENTS_A_SECOND SECONDS PROBES_A_SECOND

The label of a pair follows its prediction after a second. A probe is a pair whose prediction has a model version of
its own, `probe-N`; its label is found again by its id. Says as JSON what it sent and how late it was at worst: beyond
some ten ms the machine could not keep the rate.
"""

import sys
import time

import orjson
from confluent_kafka import Producer

from benchmarks import messages
from benchmarks.broker import PARTITIONS

LABEL_AFTER_S = 1.0
_STEP_S = 0.002

PROBE = "probe-"


def send(
    bootstrap: str, topics: tuple[str, str], events_per_s: int, seconds: float, probes_per_s: int
) -> dict[str, int]:
    """Send for so long: how many pairs, and the worst delay (ms)."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 2, "compression.type": "lz4", "log_level": 0})
    pairs_per_s = events_per_s / 2
    count = int(seconds * pairs_per_s)
    every = max(1, round(pairs_per_s / probes_per_s))
    wait = int(LABEL_AFTER_S * pairs_per_s)
    made_ms = [0] * count
    begin_s, worst_s, done = time.monotonic(), 0.0, 0
    while done < count + wait:
        now_s = time.monotonic() - begin_s
        due = min(int(now_s * pairs_per_s), count + wait)
        if due > done:
            worst_s = max(worst_s, now_s - (done + 1) / pairs_per_s)
        for i in range(done, due):
            if i < count:
                made_ms[i] = time.time_ns() // 1_000_000
                version = f"{PROBE}{i}" if i % every == 0 else ""
                value = messages.prediction(i, name_of(i, every), made_ms[i], version)
                producer.produce(topics[0], value, partition=i % PARTITIONS)
            if i >= wait:
                k = i - wait
                value = messages.label(k, name_of(k, every), made_ms[k] - messages.LABEL_DELAY_MS)
                producer.produce(topics[1], value, partition=(k + 3) % PARTITIONS)
        done = max(done, due)
        producer.poll(0)
        time.sleep(_STEP_S)
    producer.flush(30)
    return {"pairs": count, "probes": (count + every - 1) // every, "late_ms": round(1000 * worst_s)}


def name_of(i: int, every: int) -> str:
    """The id of pair `i`: 24 characters, of a probe with its version in it."""
    return f"{PROBE}{i}".ljust(24, ".") if i % every == 0 else f"pair-{i}".ljust(24, ".")


def probe_of(label: bytes) -> str | None:
    """The version of the probe that a label belongs to; None for other labels."""
    if PROBE.encode() not in label:
        return None
    name: str = orjson.loads(label)["prediction_id"]
    return name.rstrip(".")


def main() -> None:
    """Send, and say what was sent."""
    bootstrap, predictions, labels, rate, seconds, probes = sys.argv[1:]
    found = send(bootstrap, (predictions, labels), int(rate), float(seconds), int(probes))
    sys.stdout.write(orjson.dumps(found).decode())


if __name__ == "__main__":
    main()
