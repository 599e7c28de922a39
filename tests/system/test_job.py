"""Three workers on a real Kafka: real histories are counted exactly, and rows of one key never go back."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.answers import log_set
from tests.support.clusters import RealCluster
from tests.support.job import Job
from tests.support.topic_rows import Row

pytestmark = pytest.mark.system


def falling(rows: list[Row]) -> list[tuple[str, int, int]]:
    """Keys whose revision falls somewhere in offset order: (key, revision before, revision after)."""
    last: dict[str, int] = {}
    found = []
    for row in rows:
        revision = row.value["revision"]
        if revision < last.get(row.key, -1):
            found.append((row.key, last[row.key], revision))
        last[row.key] = revision
    return found


def check_order(job: Job) -> Mapping[str, int]:
    """No revision falls for readers of committed rows; how many rows each topic has."""
    counts = {}
    for noun in ("windows", "classes", "confusion"):
        rows = job.rows(noun)
        assert falling(rows) == []
        counts[noun] = len(rows)
    return counts


@pytest.mark.parametrize("name", ["flights", "insects"])
def test_three_workers_count_a_history_exactly(cluster: RealCluster, tmp_path: Path, name: str) -> None:
    logs = log_set(name)
    with Job(cluster, tmp_path, tables=f'[windows]\nsizes = ["{logs.window}", "7d"]\n') as job:
        for _ in range(3):
            job.start()
        job.wait(lambda: all(worker.ready for worker in job.workers), "three workers are ready")
        job.play(logs)
        job.finish()
        job.check(logs)
        assert check_order(job)["windows"]
        assert [worker.stop() for worker in job.workers] == [0, 0, 0]
        job.check_logs()


def test_revisions_that_fall_would_be_found() -> None:
    rows = [Row(0, offset, "k", {"revision": revision}, 0) for offset, revision in enumerate((1, 2, 2, 1, 5))]
    assert falling(rows) == [("k", 2, 1)]
