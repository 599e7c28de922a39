"""A scenario about configurations: only workers with the pinned one may work, whoever is first."""

from pathlib import Path

from tests.chaos.trial import Trial
from tests.support.job import WorkerProcess

MISMATCH = 78

OTHERS = {
    "time.idle_after": '[time]\nidle_after = "6m"\n',
    "limits.id_bytes": "[limits]\nid_bytes = 500\n",
    "classes.aliases": '[classes.aliases]\nno = ["nope"]\n',
}
"""Settings that are pinned, each differing from the job's."""


def other_file(trial: Trial, number: int) -> Path:
    """A configuration that differs from the job's in one setting."""
    name = sorted(OTHERS)[number % len(OTHERS)]
    return trial.job.write_config(f"other-{number}.toml", tables=trial.tables + OTHERS[name])


def ended(trial: Trial, worker: WorkerProcess) -> None:
    """It ends with the code and the sentence of a configuration that is not the job's."""
    trial.wait(lambda: worker.code is not None, "a worker with another configuration ends")
    assert worker.code == MISMATCH, worker.log
    assert "this is not the configuration the job" in worker.log, worker.log
    trial.note("refusal")


def configurations(trial: Trial) -> None:
    """Two workers of different configuration start at once and one is refused; others try while the first is killed."""
    trial.open(live=False)
    second = other_file(trial, trial.chance.randrange(1000))
    files = trial.chance.sample([trial.job.file, second], 2)
    both = [trial.start(file, codes={MISMATCH}) for file in files]
    trial.wait(lambda: any(worker.code is not None for worker in both), "one of them is refused")
    loser, winner = sorted(both, key=lambda worker: worker.code is None)
    ended(trial, loser)
    trial.job.file = files[both.index(winner)]
    trial.job.config = trial.job.load()
    trial.wait(lambda: winner.ready, "the other one works")
    loader, number = trial.load(), 0
    first = trial.job.config.config_hash
    while loader.is_alive() or number < 2:
        other = other_file(trial, number)
        number += 1
        if trial.job.load(other).config_hash == first:
            continue
        intruder = trial.start(other, codes={MISMATCH})
        trial.lull(0.0, 2.0)
        if trial.chance.random() < 0.5:
            trial.kill(trial.chance.choice([worker for worker in trial.alive if worker is not intruder]))
            trial.start()
        ended(trial, intruder)
