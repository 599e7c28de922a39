"""What the worker says and how it ends where it cannot start: one sentence, the exit code, no traceback, no secret."""

from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined] # public, but its stub does not say so
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from streams.formats.reasons import Kind
from tests.support.answers import log_set
from tests.support.clusters import RealCluster
from tests.support.job import Job, WorkerProcess
from tests.support.real_kafka import RealKafka, free_ports

pytestmark = pytest.mark.system

VARIABLE = "JOB_PASSWORD"
WRONG = "not-the-one-4711"


def ends_with(worker: WorkerProcess, code: int, *sentences: str) -> None:
    """The worker ends by itself, with this code and these words, as an operator should read them."""
    assert worker.wait() == code, worker.log
    for sentence in sentences:
        assert sentence in worker.log
    assert "Traceback" not in worker.log


def login(kafka: RealKafka, user: str) -> str:
    properties = {**kafka.client_of(user), "sasl.password": f"${VARIABLE}"}
    del properties["bootstrap.servers"]
    return "\n".join(f'"{name}" = "{value}"' for name, value in properties.items())


def through_login(job: Job, kafka: RealKafka, user: str, tables: str = "") -> Path:
    """The job's configuration for a user, at the listener that asks who is there; the test itself goes in freely."""
    path = job.write_config("login.toml", client_lines=login(kafka, user), tables=tables)
    path.write_text(path.read_text().replace(kafka.bootstrap, kafka.client_of(user)["bootstrap.servers"]))
    return path


def grant(cluster: RealCluster, kind: ResourceType, name: str, operation: AclOperation) -> None:
    pattern = ResourcePatternType.PREFIXED if kind is not ResourceType.BROKER else ResourcePatternType.LITERAL
    binding = AclBinding(kind, name, pattern, "User:guest", "*", operation, AclPermissionType.ALLOW)
    for future in cluster.admin.create_acls([binding]).values():
        future.result(20)


def test_no_broker_and_a_wrong_password_end_the_start_after_some_patience(
    kafka: RealKafka, cluster: RealCluster, tmp_path: Path
) -> None:
    with Job(cluster, tmp_path, env={VARIABLE: WRONG}) as job:
        nobody = f"127.0.0.1:{free_ports(1)[0]}"
        nowhere = job.write_config("nowhere.toml")
        nowhere.write_text(nowhere.read_text().replace(kafka.bootstrap, nobody))
        alone, refused = job.start(nowhere), job.start(through_login(job, kafka, "guest"))
        ends_with(alone, 69, f"no broker answered at {nobody}", "is bootstrap.servers right?")
        ends_with(refused, 77, "the broker does not accept the login")
        assert WRONG not in refused.log


def test_a_raw_topic_is_missing_and_is_not_made(cluster: RealCluster, tmp_path: Path) -> None:
    with Job(cluster, tmp_path, make_raw=False) as job:
        ends_with(job.start(), 76, "there is no topic", *job.raw.values())
        assert not [name for name in cluster.admin.list_topics(timeout=10).topics if name.startswith(job.name)]


def test_an_own_topic_is_missing_and_may_not_be_made(cluster: RealCluster, tmp_path: Path) -> None:
    with Job(cluster, tmp_path, create_topics=False) as job:
        ends_with(job.start(), 76, f"topic {job.config.topic('ledger')} does not exist; create it: kafka-topics.sh")


def test_an_own_topic_has_other_partitions_or_may_be_compacted(cluster: RealCluster, tmp_path: Path) -> None:
    with Job(cluster, tmp_path) as job:
        cluster.create_topic(job.config.topic("ledger"), 3)
        cluster.create_topic(job.config.topic("tallies"), 2, {"cleanup.policy": "compact", "retention.ms": "-1"})
        ends_with(
            job.start(), 76,
            f"topic {job.config.topic('ledger')} has 3 partitions, the job is configured for 4",
            f"topic {job.config.topic('tallies')} has cleanup.policy=compact, it must be delete; change it: kafka-",
        )  # fmt: skip


def test_a_worker_with_another_configuration_names_what_differs(cluster: RealCluster, tmp_path: Path) -> None:
    with Job(cluster, tmp_path) as job:
        first = job.start_ready()
        other = job.write_config("other.toml", tables='[windows]\nhorizon = "3d"\n')
        ends_with(
            job.start(other), 78,
            "windows.horizon is 3d here and 30d in the job's logs", "a new `name` and `prefix`",
        )  # fmt: skip
        assert first.stop() == 0
        job.check_logs()


def test_a_user_who_may_not_make_topics_or_read_is_told_so(
    kafka: RealKafka, cluster: RealCluster, tmp_path: Path
) -> None:
    with Job(cluster, tmp_path, env={VARIABLE: "guest-secret"}) as job:
        file = through_login(job, kafka, "guest")
        for kind, name, operation in (
            (ResourceType.TOPIC, job.name, AclOperation.DESCRIBE),
            (ResourceType.TOPIC, job.name, AclOperation.DESCRIBE_CONFIGS),
        ):
            grant(cluster, kind, name, operation)
        ends_with(job.start(file), 77, "creating topics", "grant it to this user")
        for operation in (AclOperation.CREATE, AclOperation.WRITE, AclOperation.READ):
            grant(cluster, ResourceType.TOPIC, job.name, operation)
        ends_with(job.start(file), 77, "the broker does not permit it", "grant it to this user")
        assert all("guest-secret" not in worker.log for worker in job.workers)


def test_a_secret_is_in_no_log_of_a_worker_that_works(kafka: RealKafka, cluster: RealCluster, tmp_path: Path) -> None:
    logs = log_set("flights_mini")
    with Job(cluster, tmp_path, env={VARIABLE: "admin-secret"}) as job:
        worker = job.start(through_login(job, kafka, "admin", 'log_level = "debug"\n'))
        job.play_lines(job.lines_of(logs)[:500])
        job.wait(job.drained, "everything is read")
        kinds = [line.kind for line in job.lines_of(logs)[:500]]
        job.check_audits(kinds.count(Kind.PREDICTION), kinds.count(Kind.LABEL))
        assert worker.stop() == 0
        job.check_logs()
        assert "admin-secret" not in worker.log
        assert "admin-secret" not in "".join(str(row.value) for row in job.rows("status"))
