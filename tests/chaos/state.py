"""Scenarios about what a worker keeps: checkpoints that are torn or damaged, and a local disk that is full or lies."""

import contextlib
import shutil
import time
from functools import partial
from pathlib import Path

from streams.runtime.checkpoints.rules import MANIFEST, CheckpointId
from streams.runtime.checkpoints.store import Found, Store
from streams.runtime.kafka.topics import Topics
from tests.chaos.trial import Trial

Place = tuple[str, int]
"""A stage and its partition."""

DISKS = ("full", "damaged", "lost", "no folder")


def all_places(trial: Trial) -> list[Place]:
    """Whatever has checkpoints."""
    job = trial.job
    return [("join", p) for p in range(job.partitions)] + [("judge", p) for p in range(job.tallies_partitions)]


def kept(trial: Trial, place: Place) -> Found:
    """The checkpoints of a place, with their chunks."""
    config = trial.job.config
    return Store(config.client, config.name, config.topic("checkpoints")).read(*place, chunks=True)


def newest(found: Found) -> list[CheckpointId]:
    """The checkpoints that have a manifest, newest first."""
    return sorted(found.manifests, key=lambda checkpoint: checkpoint.position, reverse=True)


def damage(trial: Trial, found: Found, checkpoint: CheckpointId) -> str:
    """Change one record of a checkpoint; how."""
    chunk = trial.chance.choice(sorted(found.chunks[checkpoint]))
    value = found.chunks[checkpoint][chunk]
    at = trial.chance.randrange(len(value))
    wrong = bytes([value[at] ^ 1 << trial.chance.randrange(8)])
    changes: dict[str, tuple[int | str, bytes | None]] = {
        "chunk lost": (chunk, None),
        "chunk cut": (chunk, value[:at]),
        "chunk with a wrong bit": (chunk, value[:at] + wrong + value[at + 1 :]),
        "manifest damaged": (MANIFEST, b'{"stage": "join"'),
        "manifest lost": (MANIFEST, None),
    }
    how = trial.chance.choice(list(changes))
    part, changed = changes[how]
    producer = trial.job.producer()
    topic = trial.job.config.topic("checkpoints")
    producer.send(topic, checkpoint.partition, changed, key=checkpoint.key(part))
    assert producer.close(30)
    return how


def torn(trial: Trial) -> None:
    """All workers are killed while they write checkpoints, and the newest of most partitions is torn or damaged."""
    trial.open(checkpoint_interval="1s")
    trial.start_ready(2)
    loader = trial.load()
    above: dict[Place, int] = dict.fromkeys(all_places(trial), -1)
    while loader.is_alive() or not trial.outcome.faults:
        trial.wait(lambda: all(two_above(trial, place, above[place]) for place in above), "there are two of each again")
        trial.lull(0.0, 1.5)
        for worker in trial.alive:
            trial.kill(worker)
        for place in above:
            found = kept(trial, place)
            first = newest(found)[0]
            above[place] = first.position
            if trial.chance.random() < 0.8:
                trial.note(damage(trial, found, first))
        trial.start_ready(2)
    begins = Topics(trial.cluster.client).low_watermarks([(trial.job.config.topic("ledger"), p) for p in range(4)])
    assert all(begins.values()), "the ledger was trimmed, so that the checkpoints were needed"


def two_above(trial: Trial, place: Place, position: int) -> bool:
    """Whether two checkpoints of a place are newer than a position."""
    return len([checkpoint for checkpoint in kept(trial, place).manifests if checkpoint.position > position]) >= 2


def disk(trial: Trial) -> None:
    """The local disk is full, gives back other bytes, loses its folder; workers are killed and start from it again."""
    folder = trial.folder / "cache"
    trial.open(checkpoint_interval="1s", run_lines=f'cache_dir = "{folder}"\n')
    trial.start_ready(2)
    loader = trial.load()
    kinds, turn = list(DISKS), 0
    trial.chance.shuffle(kinds)
    while loader.is_alive() or turn < len(kinds):
        trial.wait(partial(is_written, trial, time.time()), "something was kept")
        spoil(trial, kinds[turn % len(kinds)], folder / trial.job.config.name)
        trial.lull(1.0, 3.0)
        trial.kill(trial.chance.choice(trial.alive))
        spoil(trial, "damaged", folder / trial.job.config.name)
        restore(folder)
        trial.start_ready()
        turn += 1


def is_written(trial: Trial, since_s: float) -> bool:
    """Whether a checkpoint was written after a moment."""
    return any(
        manifest.written_ms > since_s * 1000
        for place in all_places(trial)
        for manifest in kept(trial, place).manifests.values()
    )


def spoil(trial: Trial, kind: str, folder: Path) -> None:
    """Do something to the local copies."""
    trial.note(f"disk {kind}")
    if kind == "full":
        folder.mkdir(parents=True, exist_ok=True)
        for stage, partition in all_places(trial):
            full = folder / f"{stage}-{partition}.new"
            full.unlink(missing_ok=True)
            full.symlink_to("/dev/full")  # whatever is written there: no space left on device
    elif kind == "damaged":
        for path in folder.glob("*.checkpoint"):
            value = path.read_bytes()
            at = trial.chance.randrange(len(value) or 1)
            path.write_bytes(value[:at] if trial.chance.random() < 0.5 else value[:at] + b"?" + value[at + 1 :])
    else:
        shutil.rmtree(folder, ignore_errors=True)
        if kind == "no folder":
            with contextlib.suppress(IsADirectoryError):  # a worker was quicker
                folder.write_text("a file stands where the folder should be")


def restore(folder: Path) -> None:
    """Take the file out of the folder's way."""
    for path in folder.glob("*"):
        if path.is_file():
            path.unlink()
