"""What keeps memory bounded: a topic far ahead waits for the other, and full tables stop reading; all is counted."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from streams.formats.reasons import Kind
from streams.runtime.kafka.embedded import EmbeddedBroker
from tests.support.clusters import EmbeddedCluster
from tests.support.job import Job

pytestmark = pytest.mark.embedded

DAY_MS = 86_400_000
BEGIN_MS = 1_700_000_000_000
PREDICTIONS, LABELS = 40_000, 120_000
"""Over the same days, so that the predictions, read as fast, are far ahead."""


@pytest.fixture
def cluster() -> Iterator[EmbeddedCluster]:
    with EmbeddedBroker() as broker:
        yield EmbeddedCluster(broker)


def load_ten_days(job: Job) -> None:
    """Ten days in both topics, three labels for each prediction, at the time of its event."""
    producer = job.producer()
    for i in range(PREDICTIONS):
        row = {
            "prediction_id": str(i),
            "predicted_class": "a",
            "event_time": BEGIN_MS + i * 10 * DAY_MS // PREDICTIONS,
        }
        producer.send(job.raw[Kind.PREDICTION], 0, orjson.dumps({**row, "model": "m", "model_version": "1"}))
    for i in range(LABELS):
        label = {
            "prediction_id": str(i // 3),
            "label": "ab"[i % 2],
            "label_time": BEGIN_MS + i * 10 * DAY_MS // LABELS,
        }
        producer.send(job.raw[Kind.LABEL], 0, orjson.dumps(label))
    assert producer.flush(60)
    producer.close()


def test_a_backlog_far_ahead_waits_and_everything_is_counted(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    """Whichever source is read faster waits; mostly the predictions are."""
    with Job(cluster, tmp_path, raw_partitions=(1, 1), tables='max_ahead = "6h"') as job:
        load_ten_days(job)
        worker = job.start_ready()
        job.wait(lambda: worker.says("sources wait for those behind them"), "one waits for the other")
        job.wait(job.drained, "everything is read")
        job.check_audits(PREDICTIONS, LABELS)
        assert job.audit_sum("predictions_labelled") == PREDICTIONS
        [line] = [line for line in worker.events if "sources wait" in str(line.get("event"))]
        names = {line[end].partition("/")[0] for end in ("behind", "furthest")}
        assert names == set(job.raw.values()), "the one ahead waits for the one behind"
        assert worker.stop() == 0
        job.check_logs()


def test_full_tables_stop_reading_and_a_larger_bound_goes_on(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    """The worker says so, stays, and nothing is lost."""
    with Job(cluster, tmp_path, raw_partitions=(1, 1), tables="max_held_bytes = 1_000_000") as job:
        load_ten_days(job)
        worker = job.start()
        job.wait(lambda: worker.says("more than run.max_held_bytes"), "the tables are full")
        job.wait(lambda: worker.get("readyz")[0] == 503, "it is not ready")
        producer = job.producer()
        producer.send(
            job.raw[Kind.LABEL], 0, orjson.dumps({"prediction_id": "0", "label": "a", "label_time": BEGIN_MS})
        )
        assert producer.flush(60)
        producer.close()
        assert worker.stop() == 0
        assert job.audit_sum("labels_received") <= LABELS, "what comes while the tables are full is not read"
        job.start(job.write_config("large.toml", tables=""))
        job.wait(job.drained, "everything is read")
        job.check_audits(PREDICTIONS, LABELS + 1)
        job.check_logs()
