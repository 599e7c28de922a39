"""Topics that are deleted, made again, cut or emptied under a job: it goes on where it can, else it says why not."""

from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.formats.reasons import Kind
from streams.ledger.position import SourceId
from streams.runtime.control import retire
from streams.runtime.errors import UnavailableError
from streams.runtime.kafka.topics import Topics
from streams.runtime.play import Delivery
from tests.support.answers import LogSet, log_set
from tests.support.clusters import RealCluster
from tests.support.job import Job
from tests.support.real_kafka import RealKafka
from tests.support.workers import wait_for
from tests.system.test_surroundings import ends_with

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def logs() -> LogSet:
    return log_set("flights_mini")


def of_kind(lines: Sequence[Delivery], kind: Kind) -> list[Delivery]:
    return [line for line in lines if line.kind is kind]


def delete(cluster: RealCluster, topic: str) -> None:
    """Delete a topic and wait until it is gone."""
    for future in cluster.admin.delete_topics([topic]).values():
        future.result(20)
    wait_for(lambda: topic not in cluster.admin.list_topics(timeout=10).topics, f"{topic} is gone")


def committed(consumer: Consumer, tp: TopicPartition) -> bool:
    """Whether the group takes an offset from a stranger: it does when it has no members."""
    try:
        consumer.commit(offsets=[tp], asynchronous=False)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.UNKNOWN_MEMBER_ID:
            raise
        return False
    return True


def retired(job: Job, sources: Sequence[SourceId]) -> bool:
    """Whether every ledger partition knows these sources and that they are taken out."""
    known = [status.sources.get(str(source)) for status in job.status() for source in sources]
    return len(known) == job.partitions * len(sources) and all(k is not None and k.why == "retired" for k in known)


def fed_and_stopped(job: Job, lines: list[Delivery]) -> None:
    """A worker has read these lines, and is gone."""
    worker = job.start_ready()
    job.play_lines(lines)
    job.wait(job.drained, "everything is read")
    assert worker.stop() == 0


def test_a_broker_that_goes_and_comes_back_costs_nothing(
    kafka: RealKafka, cluster: RealCluster, tmp_path: Path, logs: LogSet
) -> None:
    with Job(cluster, tmp_path) as job:
        lines = job.lines_of(logs)
        worker = job.start_ready()
        job.play_lines(lines[:2000])
        job.wait(lambda: job.at_work(4), "the job is at work")
        kafka.kill()
        try:
            job.wait(lambda: worker.says("no broker can be reached; waiting"), "the outage is said")
        finally:
            kafka.start()
        job.play_lines(lines[2000:])
        job.wait(job.drained, "the work goes on")
        job.finish()
        job.check(logs)
        assert worker.says("the broker is back")
        assert worker.stop() == 0


def test_a_worker_without_a_broker_still_ends_in_time_and_says_so(
    kafka: RealKafka, cluster: RealCluster, tmp_path: Path
) -> None:
    with Job(cluster, tmp_path) as job:
        worker = job.start_ready()
        kafka.kill()
        try:
            job.wait(lambda: worker.says("no broker can be reached; waiting"), "the outage is said")
            assert worker.stop() == UnavailableError.exit_code
        finally:
            kafka.start()
        assert worker.says("stopped without everything acknowledged")
        job.check_logs()


def test_a_raw_topic_made_again_is_a_new_source_and_the_old_one_can_be_retired(
    cluster: RealCluster, tmp_path: Path, logs: LogSet
) -> None:
    with Job(cluster, tmp_path) as job:
        lines, topic = job.lines_of(logs), job.raw[Kind.PREDICTION]
        predictions, labels = of_kind(lines, Kind.PREDICTION), of_kind(lines, Kind.LABEL)
        fed_and_stopped(job, predictions[:1000])
        old_id = Topics(cluster.client).topic_ids([topic])[topic]
        delete(cluster, topic)
        cluster.create_topic(topic, job.raw_partitions[0], {"retention.ms": "-1"})
        worker = job.start_ready()
        begins = [line for line in worker.events if line["event"] == "a source begins" and line["topic"] == topic]
        assert {(line["partition"], line["offset"]) for line in begins} == {(p, 0) for p in range(4)}
        job.play_lines(predictions[1000:])
        job.play_lines(labels)
        old = [SourceId(topic, partition, old_id) for partition in range(job.raw_partitions[0])]
        for source in old:
            retire(job.config, source)
        job.wait(lambda: retired(job, old), "the old sources are retired")
        job.finish()
        job.check(logs)


def test_a_ledger_that_was_cut_or_made_again_is_refused(cluster: RealCluster, tmp_path: Path, logs: LogSet) -> None:
    with Job(cluster, tmp_path) as job:
        ledger = job.config.topic("ledger")
        fed_and_stopped(job, job.lines_of(logs)[:500])
        cluster.delete_records(ledger, 1, 3)
        none = f"{ledger}[1] begins at offset 3 and {job.config.topic('checkpoints')} has no whole checkpoint"
        ends_with(job.start(), 74, none, "`streams checkpoints --verify`", "a new `name` and `prefix`")
        delete(cluster, ledger)
        ends_with(
            job.start(), 74, "that one was deleted or made again and its counts are gone", "a new `name` and `prefix`"
        )


def test_tallies_that_were_cut_and_a_raw_log_that_ends_below_what_was_read_are_refused(
    cluster: RealCluster, tmp_path: Path, logs: LogSet
) -> None:
    with Job(cluster, tmp_path) as job:
        fed_and_stopped(job, job.lines_of(logs)[:500])
        tp = TopicPartition(job.raw[Kind.PREDICTION], 0)
        consumer = Consumer({**cluster.client, "group.id": f"{job.name}-intake", "log_level": 0})
        [known] = consumer.committed([tp], timeout=20)
        ids = Topics(cluster.client).topic_ids([job.config.topic("ledger"), tp.topic])
        assert orjson.loads(known.metadata or "") == {
            "ledger": ids[job.config.topic("ledger")],
            "topic": ids[tp.topic],
            "first": job.raw_partitions[0],
        }
        beyond = TopicPartition(tp.topic, 0, known.offset + 100, metadata=known.metadata)
        consumer.commit(offsets=[beyond], asynchronous=False)
        ends_with(
            job.start(), 74,
            f"{tp.topic}[0] ends at offset {known.offset}, but it was read up to {known.offset + 100}: "
            "its log was truncated",
        )  # fmt: skip
        wait_for(lambda: committed(consumer, known), "the group has forgotten the worker that ended", 30)
        consumer.close()
        cluster.delete_records(job.config.topic("tallies"), 0, 2)
        ends_with(job.start(), 74, f"{job.config.topic('tallies')}[0] begins at offset 2")


def test_records_that_retention_deletes_before_they_are_read_are_counted_as_skipped(
    cluster: RealCluster, tmp_path: Path, logs: LogSet
) -> None:
    with Job(cluster, tmp_path) as job:
        lines = of_kind(job.lines_of(logs), Kind.PREDICTION)
        fed_and_stopped(job, lines[:400])
        topics, key = Topics(cluster.client), (job.raw[Kind.PREDICTION], 0)
        read = topics.end_offsets([key])[key]
        job.play_lines(lines[400:])
        cluster.delete_records(*key, read + 37)
        worker = job.start()
        job.wait(job.drained, "everything that is left is read")
        job.wait(lambda: job.audit_sum("skipped") == 37, "the gap is in the audit")
        job.check_audits(len(lines) - 37, 0)
        warnings = [
            line for line in worker.events if line["level"] == "warning" and "deleted by retention" in line["event"]
        ]
        assert [(w["topic"], w["partition"], w["lost"]) for w in warnings] == [(*key, 37)]
        job.check_logs()
