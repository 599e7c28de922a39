"""How fast is the whole job on a real Kafka, beside a bare consume-and-parse loop in the same run?

    python -m benchmarks.job_speed [--events 500000] [--workers 1]

Fills two topics (8 partitions, null keys, lz4) with that many predictions of about 300 bytes and as many labels of
about 90, runs the bare loop over both, then the workers, and prints events/s, CPU time an event (all threads),
memory, and the ratio. Machines are noisy: compare the ratio, not the figures.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.real_kafka import RealKafka, free_ports

PARTITIONS = 8
CLASSES = ("legit", "fraud", "review")
TIMEOUT_S = 300.0
_TICKS = 100  # of /proc/PID/stat a second


def fill(bootstrap: str, events: int) -> None:
    """Write the predictions, then the labels."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics([NewTopic(t, PARTITIONS, 1) for t in ("predictions", "labels")]).values():
        made.result()
    producer = Producer({
        "bootstrap.servers": bootstrap, "linger.ms": 20, "compression.type": "lz4",
        "queue.buffering.max.messages": 2_000_000, "batch.num.messages": 10_000,
    })  # fmt: skip
    rng = random.Random(1)
    ids = [f"{rng.getrandbits(96):024x}" for _ in range(events)]
    begin_ms = time.time_ns() // 1_000_000 - 3_600_000
    for i, name in enumerate(ids):
        prediction = {
            "prediction_id": name, "model": "fraud", "model_version": f"v{i % 2}",
            "predicted_class": CLASSES[i % 3], "score": 0.9, "event_time": begin_ms + i * 3_000_000 // events,
            "segment": "eu", "pad": "x" * 120,
        }  # fmt: skip
        producer.produce("predictions", orjson.dumps(prediction), partition=i % PARTITIONS)
        if i % 10_000 == 0:
            producer.poll(0)
    for i, name in enumerate(ids):
        label = {"prediction_id": name, "label": CLASSES[i // 3 % 3], "event_time": begin_ms + i * 3 + 30_000}
        producer.produce("labels", orjson.dumps(label), partition=(i * 7 + 3) % PARTITIONS)
        if i % 10_000 == 0:
            producer.poll(0)
    producer.flush(120)


def bare_loop(bootstrap: str, events: int) -> tuple[float, float]:
    """(events/s, CPU µs an event) of consuming everything and parsing it with orjson."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "bare", "enable.auto.commit": False,
        "fetch.queue.backoff.ms": 5, "queued.min.messages": 200_000,
    })  # fmt: skip
    consumer.assign([TopicPartition(t, p, 0) for t in ("predictions", "labels") for p in range(PARTITIONS)])
    left, began_s, cpu_s = 2 * events, 0.0, time.process_time()
    while left:
        messages = consumer.consume(10_000, 0.05)
        began_s = began_s or (time.monotonic() if messages else 0.0)
        for message in messages:
            orjson.loads(message.value() or b"")
        left -= len(messages)
    took_s = time.monotonic() - began_s
    consumer.close()
    return 2 * events / took_s, 1e6 * (time.process_time() - cpu_s) / (2 * events)


@contextmanager
def workers(bootstrap: str, ports: list[int], folder: Path) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """The job's workers, each with its own web port; ended in order."""
    running = []
    for port in ports:
        file = folder / f"{port}.toml"
        file.write_text(
            f'name = "bench"\n[kafka]\nbootstrap = "{bootstrap}"\n[[predictions]]\ntopic = "predictions"\n'
            f'[[labels]]\ntopic = "labels"\n[run]\nhttp_port = {port}\nlog_level = "warning"\n'
        )
        running.append(subprocess.Popen([sys.executable, "-m", "streams.cli.main", "run", "-c", str(file)]))
    try:
        yield running
    finally:
        for worker in running:
            worker.terminate()
        for worker in running:
            worker.wait(20)


def metric(port: int, name: str) -> float:
    """The sum of a metric's series at one worker; 0 while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
            lines = page.read().decode().splitlines()
    except (urllib.error.URLError, OSError):
        return 0.0
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name + "{"))


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mib(pid: int) -> int:
    """Resident memory of a process, MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) // 256


def job(bootstrap: str, events: int, count: int) -> tuple[float, float, list[int]]:
    """(events/s from the first to the last row joined, CPU µs an event without the start, memory of each worker)."""
    ports = free_ports(count)
    with tempfile.TemporaryDirectory() as folder, workers(bootstrap, ports, Path(folder)) as running:
        until_s = time.monotonic() + TIMEOUT_S
        before = [0.0] * count
        began_s = 0.0
        while time.monotonic() < until_s:
            if not began_s:
                before = [cpu_s(w.pid) for w in running]
                began_s = time.monotonic() if any(metric(p, "quality_events_total") for p in ports) else 0.0
            if sum(metric(p, "quality_join_held_rows") for p in ports) >= 2 * events:
                break
            time.sleep(0.05)
        else:
            raise SystemExit(f"not done in {TIMEOUT_S:.0f} s")
        took_s = time.monotonic() - began_s
        used_s = sum(cpu_s(w.pid) - b for w, b in zip(running, before, strict=True))
        return 2 * events / took_s, 1e6 * used_s / (2 * events), [rss_mib(w.pid) for w in running]


def main() -> None:
    """Run and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--workers", type=int, default=1)
    said = parser.parse_args()
    with RealKafka() as kafka:
        fill(kafka.bootstrap, said.events)
        bare_rate, bare_us = bare_loop(kafka.bootstrap, said.events)
        rate, us, memory = job(kafka.bootstrap, said.events, said.workers)
    print(f"{2 * said.events:,} events, {said.workers} worker(s)")
    print(f"bare loop  {bare_rate:10,.0f} events/s  {bare_us:5.2f} us CPU an event")
    print(f"the job    {rate:10,.0f} events/s  {us:5.2f} us CPU an event  {memory} MiB")
    print(f"share of the bare loop's rate: {rate / bare_rate:.0%}")


if __name__ == "__main__":
    main()
