"""Scenarios about workers: killed again and again, asleep beyond their session, leaving and joining."""

import signal
import time

from tests.chaos.trial import SESSION_S, Trial

MOST_WORKERS = 4
CALM_S = 14.0


def kill(trial: Trial) -> None:
    """One to four workers, one of them killed every few seconds at any moment of its life, while both topics fill."""
    trial.open()
    trial.start_ready(trial.chance.randint(1, 2))
    loader = trial.load()
    while loader.is_alive():
        trial.lull(0.5, 6.0)
        if trial.alive:
            trial.kill(trial.chance.choice(trial.alive))
        for _ in range(trial.chance.randint(1, MOST_WORKERS) - len(trial.alive)):
            trial.start()


def recover(trial: Trial) -> None:
    """Three workers; one is killed, joins or leaves, each time when the job was itself again: how long is it felt."""
    trial.open()
    trial.start_ready(3)
    loader = trial.load()
    trial.lull(2.0, 4.0)
    turn = 0
    while loader.is_alive():
        worker = trial.chance.choice(trial.alive)
        if len(trial.alive) < 3:
            trial.note("join", measured=True)
            trial.start()
        elif turn % 4 == 0:
            trial.note("leave", measured=True)
            trial.weigh(worker)
            assert worker.stop() == 0
        else:
            trial.kill(worker, measured=True)
        turn += 1
        trial.wait(lambda: all(worker.ready for worker in trial.alive), "the workers are ready")
        trial.lull(CALM_S, CALM_S + 2)


def sleep(trial: Trial) -> None:
    """Workers stopped beyond their session in the middle of their work, which others finish before they wake."""
    trial.open()
    trial.start_ready(3)
    loader = trial.load()
    while loader.is_alive():
        trial.lull(0.5, 3.0)
        sleepers = trial.chance.sample(trial.alive, trial.chance.randint(1, 2))
        for worker in sleepers:
            worker.signal(signal.SIGSTOP)
            trial.note("SIGSTOP")
        began_s = time.monotonic()
        trial.lull(SESSION_S, SESSION_S * 1.5)
        if not loader.is_alive():
            trial.drain()
            trial.conclude()
        for worker in sleepers:
            worker.signal(signal.SIGCONT)
        assert time.monotonic() - began_s >= SESSION_S
        trial.wait(lambda: all(worker.ready for worker in trial.alive), "the sleepers are back")
