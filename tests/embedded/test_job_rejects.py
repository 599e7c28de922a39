"""Every kind of bad record through the real worker: each is found once with its reason and place, and nothing stops."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from confluent_kafka import KafkaError, Message, Producer

from streams.formats.reasons import Kind, Reason
from streams.runtime.kafka.embedded import EmbeddedBroker
from tests.support.clusters import EmbeddedCluster
from tests.support.job import Job
from tests.support.schemas import schema
from tests.support.topic_rows import newest

pytestmark = pytest.mark.embedded

T0 = 1_714_521_600_000
"""2024-05-01, midnight UTC."""
MINUTE, HOUR = 60_000, 3_600_000

TABLES = """[windows]
sizes = ["1h"]
horizon = "1h"
slack = "1h"
settle = "30m"
[classes]
expected = ["yes", "no", "maybe"]
unknown = "reject"
[limits]
value_bytes = 4_000
max_classes = 2
max_models = 2
"""

Value = dict[str, Any] | bytes | None

NOT_TESTED_HERE = {Reason.RETENTION_GAP}
"""No record has it: the records are gone, and the audit counts them as skipped."""


def prediction(name: str, at_ms: int = T0, **changes: Any) -> dict[str, Any]:
    row = {"prediction_id": name, "model": "m", "model_version": "1", "predicted_class": "yes", "event_time": at_ms}
    return {k: v for k, v in {**row, **changes}.items() if v is not ...}


def label(name: str, at_ms: int, **changes: Any) -> dict[str, Any]:
    row = {"prediction_id": name, "true_class": "yes", "label_time": at_ms}
    return {k: v for k, v in {**row, **changes}.items() if v is not ...}


BAD_PREDICTIONS: list[tuple[Value, Reason]] = [
    (b"{oops", Reason.NOT_JSON),
    (b"\x00\x00\x00\x00\x07framed", Reason.NOT_JSON),
    (json.dumps(prediction("x")).encode("utf-16"), Reason.WRONG_ENCODING),
    (b'{"prediction_id":"\xff"}', Reason.WRONG_ENCODING),
    (None, Reason.NULL_VALUE),
    (b"null", Reason.NULL_VALUE),
    (prediction("x", pad="." * 4_000), Reason.VALUE_TOO_LARGE),
    (prediction("x", predicted_class=...), Reason.MISSING_FIELD),
    (prediction(...), Reason.MISSING_FIELD),  # type: ignore[arg-type]
    (prediction("x", predicted_class=["yes"]), Reason.WRONG_TYPE),
    (b"[1, 2]", Reason.WRONG_TYPE),
    (prediction(""), Reason.EMPTY_ID),
    (prediction("i" * 1_025), Reason.ID_TOO_LONG),
    (prediction("x", model="m" * 257), Reason.NAME_TOO_LONG),
    (prediction("x", model="a\u0007b"), Reason.CONTROL_CHARACTER),
    (prediction("x", predicted_class="perhaps"), Reason.UNKNOWN_CLASS),
    (prediction("x", event_time="yesterday"), Reason.NOT_A_TIME),
    (prediction("x", event_time="2024-05-01T00:00:00"), Reason.TIME_WITHOUT_ZONE),
    (prediction("x", event_time=1), Reason.TIME_OUT_OF_RANGE),
    (prediction("x", event_time="2101-01-01T00:00:00Z"), Reason.TIME_OUT_OF_RANGE),
    (prediction("x", event_time="2099-01-01T00:00:00Z"), Reason.TIME_AHEAD),
    (prediction("x", predicted_class="maybe"), Reason.CLASS_LIMIT),
    (prediction("x", model="third"), Reason.MODEL_LIMIT),
    (prediction("g0"), Reason.DUPLICATE_PREDICTION),
    (prediction("g1", predicted_class="no", event_time=T0 + MINUTE), Reason.CONFLICTING_PREDICTION),
]
BAD_LABELS: list[tuple[Value, Reason]] = [
    (b"", Reason.NOT_JSON),
    (label("g3", T0, true_class=...), Reason.MISSING_FIELD),
    (label("g3", T0, true_class="perhaps"), Reason.UNKNOWN_CLASS),
    (label("g3", T0, label_time="2099-01-01T00:00:00Z"), Reason.TIME_AHEAD),
    (label("g0", T0 + MINUTE), Reason.DUPLICATE_LABEL),
    (label("g1", T0 + 90 * MINUTE), Reason.BEYOND_HORIZON),
    (label("g2", T0 + 2 * MINUTE, op="d"), Reason.LABEL_DELETION),
    (label("nobody", T0 + MINUTE), Reason.ORPHAN_LABEL),
]


@dataclass
class Sender:
    """Sends records one by one and remembers which are to be rejected, by where they came to lie."""

    job: Job
    expected: Counter[tuple[str, int, int, str]] = field(default_factory=Counter)
    bytes_of: dict[tuple[str, int], bytes | None] = field(default_factory=dict)
    sent: Counter[Kind] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._producer = Producer({**self.job.cluster.client, "log_level": 0})

    def send(self, kind: Kind, value: Value, at_ms: int = T0, reason: Reason | None = None) -> None:
        topic = self.job.raw[kind]
        data = json.dumps(value).encode() if isinstance(value, dict) else value

        def lies_at(error: KafkaError | None, message: Message) -> None:
            assert error is None
            offset = message.offset()
            assert offset is not None
            if reason is not None:
                self.expected[topic, 0, offset, str(reason)] += 1
                self.bytes_of[topic, offset] = data

        self._producer.produce(topic, data, partition=0, timestamp=at_ms, on_delivery=lies_at)
        self.sent[kind] += 1

    def flush(self) -> None:
        assert self._producer.flush(20) == 0
        self.job.wait(self.job.drained, "everything is read")


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with EmbeddedBroker() as broker:
        running = Job(
            EmbeddedCluster(broker), tmp_path, tables=TABLES,
            raw_partitions=(1, 1), partitions=1, tallies_partitions=1,
        )  # fmt: skip
        with running:
            yield running


def test_every_kind_of_bad_record_is_rejected_once_and_the_good_ones_are_counted(job: Job) -> None:
    worker = job.start_ready()
    sender = Sender(job)
    for n in range(10):
        sender.send(Kind.PREDICTION, prediction(f"g{n}", predicted_class="yes" if n < 8 else "no"))
        sender.send(Kind.LABEL, label(f"g{n}", T0 + MINUTE), T0 + MINUTE)
    sender.send(Kind.PREDICTION, prediction("second", model="m2"))
    sender.flush()
    for value, reason in BAD_PREDICTIONS:
        sender.send(Kind.PREDICTION, value, reason=reason)
    for value, reason in BAD_LABELS:
        sender.send(Kind.LABEL, value, T0 + 3 * MINUTE, reason=reason)
    for n in range(1, 33):  # with the first one 33 different labels of one id, one more than it may have
        refused = Reason.LABEL_LIMIT if n == 32 else None
        sender.send(Kind.LABEL, label("g5", T0 + MINUTE + n), T0 + 3 * MINUTE, reason=refused)
    sender.flush()
    sender.send(Kind.PREDICTION, prediction("g10", T0 + 10 * HOUR))
    sender.send(Kind.LABEL, label("g10", T0 + 10 * HOUR), T0 + 10 * HOUR)
    sender.flush()
    job.wait(lambda: (job.status()[0].watermark_ms or 0) > T0 + 9 * HOUR, "time has passed")
    sender.send(Kind.PREDICTION, prediction("late"), reason=Reason.LATE_PREDICTION)
    sender.send(Kind.LABEL, label("g4", T0 + 5 * MINUTE, true_class="no"), T0 + 10 * HOUR, reason=Reason.LATE_LABEL)
    sender.send(Kind.PREDICTION, prediction("g11", T0 + 10 * HOUR))
    sender.flush()
    job.finish()

    rejects = [row.value for row in job.rows("rejects")]
    found = Counter((r["topic"], r["partition"], r["offset"], r["reason"]) for r in rejects)
    assert found == sender.expected
    produced = {reason for *_, reason in sender.expected}
    assert produced == {str(reason) for reason in Reason} - NOT_TESTED_HERE
    for reject in rejects:
        if reject["value"] is not None and reject["value_encoding"] == "utf-8":
            assert reject["value"].encode() == sender.bytes_of[reject["topic"], reject["offset"]]
        jsonschema.validate(reject, schema("reject"))

    job.check_audits(sender.sent[Kind.PREDICTION], sender.sent[Kind.LABEL])
    windows = [row for row in newest(job.rows("windows")).values() if row["segment"] == "all"]
    assert {row["status"] for row in windows} == {"final"}
    first = {
        row["model"]: (row["predictions"], row["labelled"])
        for row in windows
        if row["window_start"][:13] == "2024-05-01T00"
    }
    assert first == {"m": (10, 9), "m2": (1, 0)}, "the label of g2 was deleted, the one of g4 came too late to matter"
    assert sum(row["predictions"] for row in windows) == 13
    assert worker.stop() == 0
    job.check_logs()
