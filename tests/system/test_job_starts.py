"""Where a worker on a real Kafka begins to read: partitions added later, and group offsets that were lost."""

from pathlib import Path

import orjson
import pytest
from confluent_kafka.cimpl import NewPartitions

from streams.formats.reasons import Kind
from tests.support.clusters import RealCluster, fill
from tests.support.job import Job

pytestmark = pytest.mark.system

T0 = 1_714_521_600_000


def values(first: int, count: int) -> list[bytes]:
    return [
        orjson.dumps({
            "prediction_id": f"p{n}", "model": "m", "model_version": "1", "predicted_class": "yes", "event_time": T0 + n
        })
        for n in range(first, first + count)
    ]  # fmt: skip


def test_added_partitions_and_lost_offsets_lose_nothing_when_a_job_starts_at_the_end(
    cluster: RealCluster, tmp_path: Path
) -> None:
    with Job(cluster, tmp_path, raw_partitions=(1, 1), partitions=2) as job:
        topic = job.raw[Kind.PREDICTION]
        line = f'topic = "{topic}"\n'
        job.file.write_text(job.file.read_text().replace(line, f'{line}start = "latest"\n'))
        job.config = job.load()

        def received(count: int) -> None:
            job.wait(job.drained, "every source is applied to its end")
            job.wait(lambda: job.audit_sum("predictions_received") >= count, f"{count} are in the audits")
            job.check_audits(count, 0)

        fill(cluster, topic, 0, values(0, 5))
        worker = job.start_ready()
        fill(cluster, topic, 0, values(5, 3))
        received(3)
        assert worker.stop() == 0

        for future in cluster.admin.create_partitions([NewPartitions(topic, 2)]).values():
            future.result(20)
        fill(cluster, topic, 1, values(8, 4))
        worker = job.start_ready()
        received(7)
        assert worker.stop() == 0

        group = f"{job.name}-intake"
        for future in cluster.admin.delete_consumer_groups([group]).values():
            future.result(20)
        fill(cluster, topic, 0, values(12, 2))
        worker = job.start_ready()
        received(9)
        assert worker.says("the group has no offset of a source that the ledger knows")
        assert worker.stop() == 0
        job.check_logs()
