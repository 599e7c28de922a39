"""The real worker on the embedded broker: a history is counted exactly, also over a crash and a stop."""

import signal
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from streams.runtime.config.job import TopicNoun
from streams.runtime.kafka.embedded import EmbeddedBroker
from streams.runtime.kafka.topics import Topics
from streams.runtime.play import Delivery
from tests.support.answers import LogSet, log_set
from tests.support.clusters import EmbeddedCluster
from tests.support.job import Job
from tests.support.schemas import schema
from tests.support.topic_rows import newest

pytestmark = pytest.mark.embedded

SCHEMAS: dict[TopicNoun, str] = {
    "windows": "window",
    "classes": "class",
    "confusion": "confusion",
    "rejects": "reject",
    "audit": "audit",
}


@pytest.fixture
def cluster() -> Iterator[EmbeddedCluster]:
    with EmbeddedBroker() as broker:
        yield EmbeddedCluster(broker)


@pytest.fixture(scope="module")
def logs() -> LogSet:
    return log_set("flights_mini")


def halves(lines: list[Delivery]) -> tuple[list[Delivery], list[Delivery]]:
    return lines[: len(lines) // 2], lines[len(lines) // 2 :]


def test_one_worker_counts_a_history_exactly_and_every_row_has_its_schema(
    cluster: EmbeddedCluster, tmp_path: Path, logs: LogSet
) -> None:
    with Job(cluster, tmp_path) as job:
        worker = job.start_ready()
        job.play(logs)
        job.finish()
        job.check(logs)
        for noun, name in SCHEMAS.items():
            validator = jsonschema.Draft202012Validator(schema(name))
            rows = job.rows(noun)
            assert rows, noun
            for row in newest(rows).values():
                validator.validate(row)
        assert worker.stop() == 0
        assert worker.says("stopped")
        job.check_logs()


def test_a_worker_that_was_killed_between_two_commits_leaves_exact_counts(
    cluster: EmbeddedCluster, tmp_path: Path, logs: LogSet
) -> None:
    with Job(cluster, tmp_path, tick="3s") as job:
        first, second = halves(job.lines_of(logs))
        worker = job.start_ready()
        ends = Topics(cluster.client)
        ledger = [(job.config.topic("ledger"), partition) for partition in range(job.partitions)]
        before = ends.end_offsets(ledger)
        job.play_lines(first)
        job.wait(lambda: all(end > before[tp] for tp, end in ends.end_offsets(ledger).items()), "blocks are sent")
        worker.kill()
        assert worker.code == -signal.SIGKILL
        job.play_lines(second)
        job.start()
        job.finish()
        job.check(logs)


def test_sigterm_ends_a_worker_in_order_and_the_next_one_goes_on(
    cluster: EmbeddedCluster, tmp_path: Path, logs: LogSet
) -> None:
    with Job(cluster, tmp_path) as job:
        first, second = halves(job.lines_of(logs))
        job.start_ready()
        job.play_lines(first)
        assert job.workers[0].stop() == 0
        job.play_lines(second)
        job.start()
        job.finish()
        job.check(logs)
