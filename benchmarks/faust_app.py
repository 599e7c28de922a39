"""The same job as one writes it in Faust: agents, tables, a tumbling window; the yardstick of idiomatic Python.

    python -m benchmarks.faust_app BOOTSTRAP PAIRS FOLDER

Predictions and labels are brought together by id (`group_by`: the raw topics have no keys), whichever comes first
waits in a table, and a windowed table counts the cells of the confusion table by model version, by the event time of
what came second. It has no late data, no corrections, no duplicates, no audit and no rows to read. When all pairs are
counted, or nothing more comes, it says what it cost as JSON and ends.
"""

import asyncio
import os
import resource
import sys
import time
from typing import Any

import faust
import orjson

PARTITIONS = 8
HOUR_S = 3600.0
SILENCE_S = 20.0
TOPICS = ("faust-predictions", "faust-labels")
NAME = "faust-job"
TABLES = ("held", "waiting", "counts")


class Prediction(faust.Record, serializer="json"):
    """A prediction; `event_time` in ms."""

    prediction_id: str
    model: str
    model_version: str
    predicted_class: str
    score: float
    event_time: int
    segment: str


class Label(faust.Record, serializer="json"):
    """A label."""

    prediction_id: str
    label: str
    event_time: int


class Meter:
    """Events seen, pairs counted, and what that cost since the first event."""

    def __init__(self, pairs: int) -> None:
        self.pairs, self.events, self.counted = pairs, 0, 0
        self.began_s = self.began_cpu_s = self.last_s = self.last_cpu_s = 0.0

    def raw(self, value: Any) -> Any:
        """One event came from the raw topics, before it gets its key."""
        self.last_s, self.last_cpu_s = time.monotonic(), time.process_time()
        if not self.began_s:
            self.began_s, self.began_cpu_s = self.last_s, self.last_cpu_s
        return value

    def event(self) -> None:
        """One event came by its key."""
        self.events += 1
        self.last_s, self.last_cpu_s = time.monotonic(), time.process_time()

    def pair(self) -> None:
        """One pair was counted."""
        self.counted += 1

    def over(self) -> bool:
        """Whether all is counted, or nothing came for so long that nothing more will: Faust may lose events."""
        if not self.began_s:
            return False
        return self.counted >= self.pairs or time.monotonic() - self.last_s > SILENCE_S

    def result(self) -> dict[str, Any]:
        """Rates from the first event to the last one; pairs that were counted, and how many there are."""
        took_s, cpu_s = self.last_s - self.began_s, self.last_cpu_s - self.began_cpu_s
        return {
            "pairs": self.pairs, "counted": self.counted,
            "events": self.events, "took_s": round(took_s, 2), "events_per_s": round(self.events / took_s),
            "cpu_us_per_event": round(1e6 * cpu_s / self.events, 1),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }  # fmt: skip


def event_time_s(event: Any) -> float:
    """The event time of what is being processed."""
    made_ms: int = event.value.event_time
    return made_ms / 1000


def application(bootstrap: str, pairs: int, folder: str) -> faust.App:
    """The job, ready to be run by a worker."""
    app = faust.App(
        NAME, broker=f"kafka://{bootstrap}", datadir=folder, web_enabled=False, topic_partitions=PARTITIONS,
        topic_disable_leader=True,
    )  # fmt: skip
    predictions = app.topic(TOPICS[0], value_type=Prediction)
    labels = app.topic(TOPICS[1], value_type=Label)
    held = app.Table(TABLES[0], default=list)
    waiting = app.Table(TABLES[1], default=str)
    hours = app.Table(TABLES[2], default=int).tumbling(HOUR_S, expires=24 * HOUR_S)
    counts = hours.relative_to(event_time_s)  # type: ignore[attr-defined] # its interface forgets it
    meter = Meter(pairs)

    def count(version: str, predicted: str, actual: str) -> None:
        counts[f"{version}|{predicted}|{actual}"] += 1
        meter.pair()

    @app.agent(predictions)
    async def on_prediction(stream: Any) -> None:
        stream.add_processor(meter.raw)
        async for p in stream.group_by(Prediction.prediction_id):
            meter.event()
            held[p.prediction_id] = [p.model_version, p.predicted_class]
            if actual := waiting.get(p.prediction_id):
                count(p.model_version, p.predicted_class, actual)

    @app.agent(labels)
    async def on_label(stream: Any) -> None:
        stream.add_processor(meter.raw)
        async for row in stream.group_by(Label.prediction_id):
            meter.event()
            waiting[row.prediction_id] = row.label
            if found := held.get(row.prediction_id):
                count(found[0], found[1], row.label)

    @app.timer(0.2)  # type: ignore[untyped-decorator]
    async def end() -> None:
        if meter.over():
            sys.stdout.write(f"\n{orjson.dumps(meter.result()).decode()}\n")
            sys.stdout.flush()
            os._exit(0)

    return app


def main() -> None:
    """Run one worker until everything is counted."""
    bootstrap, pairs, folder = sys.argv[1:]
    app = application(bootstrap, int(pairs), folder)
    faust.Worker(
        app, loglevel="error", redirect_stdouts=False, loop=asyncio.new_event_loop()
    ).execute_from_commandline()


if __name__ == "__main__":
    main()
