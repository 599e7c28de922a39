"""A topic that is far ahead of the other in event time waits for it, and everything is counted."""

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


def test_a_backlog_far_ahead_waits_and_everything_is_counted(cluster: EmbeddedCluster, tmp_path: Path) -> None:
    """Ten days in both topics, three labels for each prediction that come at the time of the event."""
    with Job(cluster, tmp_path, raw_partitions=(1, 1), tables='max_ahead = "6h"') as job:
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
        worker = job.start_ready()
        job.wait(lambda: worker.says("sources wait for those behind them"), "the predictions wait")
        job.wait(job.drained, "everything is read")
        job.check_audits(PREDICTIONS, LABELS)
        assert job.audit_sum("predictions_labelled") == PREDICTIONS
        [line] = [line for line in worker.events if "sources wait" in str(line.get("event"))]
        assert line["behind"].startswith(job.raw[Kind.LABEL])
        assert worker.stop() == 0
        job.check_logs()
