"""Checkpoints on a real Kafka: workers go on from them, exactly, whatever became of the newest; logs are trimmed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from streams.cli.main import app
from streams.runtime.checkpoints.rules import MANIFEST, CheckpointId
from streams.runtime.checkpoints.store import Store
from streams.runtime.kafka.topics import Topics
from tests.support.answers import LogSet, log_set
from tests.support.clusters import RealCluster
from tests.support.job import Job, WorkerProcess

pytestmark = pytest.mark.system

OFTEN = 'checkpoint_interval = "1s"\n'
DAMAGE = b"this is no chunk"


@pytest.fixture(scope="module")
def logs() -> LogSet:
    return log_set("flights_mini")


def job_of(cluster: RealCluster, folder: Path, *sizes: str, run_lines: str = OFTEN) -> Job:
    return Job(cluster, folder, tables=tables(*sizes, run_lines=run_lines))


def tables(*sizes: str, run_lines: str = OFTEN) -> str:
    return f"{run_lines}[windows]\nsizes = {list(sizes)}\n"


def listed(job: Job, *options: str) -> tuple[int, dict[str, Any]]:
    """What `streams checkpoints` says: exit code and answer."""
    done = CliRunner().invoke(app, ["checkpoints", "-c", str(job.file), "--json", *options])
    return done.exit_code, orjson.loads(done.stdout)


def places(job: Job) -> list[dict[str, Any]]:
    return list(listed(job)[1]["partitions"])


def two_everywhere(job: Job) -> bool:
    """Whether every place has two checkpoints, the newest of all that is in the log, and the logs are trimmed."""
    return all(len(p["checkpoints"]) >= 2 and p["log_begins"] > 0 for p in places(job))


def half_way(job: Job, logs: LogSet) -> Callable[[], None]:
    """Play the first half of the records and wait for checkpoints; what plays the rest and checks everything."""
    lines = job.lines_of(logs)
    middle = len(lines) // 2
    job.play_lines(lines[:middle])
    job.wait(job.drained, "the first half is read")
    job.wait(lambda: two_everywhere(job), "there are two checkpoints of everything, and trimmed logs")

    def rest() -> None:
        job.play_lines(lines[middle:])
        job.finish()
        job.check(logs)

    return rest


def damage(job: Job, checkpoint: CheckpointId, part: int | str) -> None:
    """Overwrite one record of a checkpoint."""
    producer = job.producer()
    producer.send(job.config.topic("checkpoints"), checkpoint.partition, DAMAGE, key=checkpoint.key(part))
    assert producer.close()


def newest(job: Job, stage: str) -> list[CheckpointId]:
    """The newest whole checkpoint of each partition of a stage."""
    return [
        CheckpointId(stage, p["partition"], c["position"], c["writer"])
        for p in places(job)
        if p["stage"] == stage
        for c in p["checkpoints"][:1]
    ]


def origins(worker: WorkerProcess) -> dict[tuple[str, int], tuple[str, int]]:
    """From where each place was restored: stage and partition to origin and position."""
    return {(e["stage"], e["partition"]): (e["origin"], e["position"]) for e in worker.events if "origin" in e}


EVERYTHING = {("join", 0), ("join", 1), ("join", 2), ("join", 3), ("judge", 0), ("judge", 1)}


def test_a_worker_goes_on_from_the_checkpoints_of_one_that_was_killed_and_had_other_windows(
    cluster: RealCluster, tmp_path: Path, logs: LogSet
) -> None:
    with job_of(cluster, tmp_path, "7d") as job:
        first = job.start_ready()
        rest = half_way(job, logs)
        first.kill()
        code, found = listed(job, "--verify")
        assert (code, found["safe"]) == (0, True)
        low = Topics(cluster.client).low_watermarks([(job.config.topic("ledger"), p) for p in range(4)])
        for place in found["partitions"]:
            whole = [c["position"] for c in place["checkpoints"] if c["state"] == "verified"]
            assert len(whole) in {2, 3}  # killed before the third one was removed
            if place["stage"] == "join":
                assert low[job.config.topic("ledger"), place["partition"]] in {whole[1] - 1, whole[-1] - 1}
        job.tables = tables("7d", logs.window)
        job.config = job.load(job.write_config())
        code, found = listed(job, "--verify")
        assert (code, found["safe"]) == (0, True)
        states = {(p["stage"], c["state"]) for p in found["partitions"] for c in p["checkpoints"]}
        states -= {("join", "torn"), ("judge", "torn")}  # it may have been killed while it wrote one
        assert states == {("join", "verified"), ("judge", "adoptable")}
        second = job.start_ready()
        assert origins(second).keys() == EVERYTHING
        assert {origin for origin, _ in origins(second).values()} == {"topic"}
        adopted = {(e["stage"], e["adopted"]) for e in second.events if "origin" in e}
        assert adopted == {("join", False), ("judge", True)}
        rest()  # every window of the new size has the right rows: all that the old ones counted is still there


def test_copies_on_the_disk_damaged_checkpoints_and_none_at_all(
    cluster: RealCluster, tmp_path: Path, logs: LogSet
) -> None:
    cache = tmp_path / "cache"
    with job_of(cluster, tmp_path, logs.window, run_lines=f'{OFTEN}cache_dir = "{cache}"\n') as job:
        first = job.start_ready()
        rest = half_way(job, logs)
        first.kill()

        patient = job.folder / "patient.toml"
        patient.write_text(job.file.read_text().replace('"1s"', '"10m"'))  # copies are young for twice as long
        second = job.start(patient)
        job.wait(lambda: second.ready, "the worker is back")
        assert origins(second).keys() == EVERYTHING
        assert {origin for origin, _ in origins(second).values()} == {"cache"}
        second.kill()

        shutil.rmtree(cache)
        joins, judges = newest(job, "join"), newest(job, "judge")
        for checkpoint in joins:
            damage(job, checkpoint, 0)
        for checkpoint in judges:
            damage(job, checkpoint, MANIFEST)
        code, found = listed(job, "--verify")
        assert (code, found["safe"]) == (0, True)
        third = job.start(patient)
        job.wait(lambda: third.ready, "the worker goes on from the checkpoints before")
        found_at = origins(third)
        assert all(found_at[c.stage, c.partition][1] < c.position for c in [*joins, *judges])
        rest()
        third.kill()

        shutil.rmtree(cache, ignore_errors=True)
        store = Store(cluster.client, job.name, job.config.topic("checkpoints"))
        for checkpoint in store.read("join", 0, chunks=False).manifests:
            damage(job, checkpoint, 0)
        code, found = listed(job, "--verify")
        assert (code, found["safe"]) == (1, False)
        last = job.start()
        assert last.wait() == 74
        assert "has no whole checkpoint at or above it" in last.log
        assert "Traceback" not in last.log
