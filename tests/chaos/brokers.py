"""Scenarios about brokers: dead for a while, dead at the start of a worker, silent, and leaders that die in turn."""

from functools import partial

from tests.chaos.trial import Trial
from tests.support.clusters import RealCluster
from tests.support.job import WorkerProcess
from tests.support.real_kafka import RealKafka
from tests.support.real_kafka_cluster import RealKafkaCluster

SHORT_S, LONG_S = 10.0, 75.0
"""An outage, and one beyond every timeout there is: session 6 s, transaction 10 s, request and socket 60 s."""

AT_LEAST_S = 60
"""A trial that is shorter has one outage, of the shorter kind."""


def one_broker(trial: Trial) -> RealKafka:
    """The only broker of a trial."""
    cluster = trial.cluster
    assert isinstance(cluster, RealCluster)
    assert isinstance(cluster.kafka, RealKafka)
    return cluster.kafka


def broker(trial: Trial) -> None:
    """The only broker is killed for 10 s, paused for 10 s, killed while workers start, killed for 75 s (long form)."""
    trial.open()
    trial.restarts = True
    kafka = one_broker(trial)
    trial.start_ready(2)
    loader = trial.load()
    outages = ["kill", "pause", "start", "long", "start"]
    if trial.seconds < AT_LEAST_S:
        outages = [trial.chance.choice(("pause", "start"))]
    for number, outage in enumerate(outages):
        trial.lull(0.5, 4.0)
        if outage == "start":
            workers = [trial.start() for _ in range(2)]
            trial.lull(0.5, 2.5)
            trial.note("broker kill -9 at a worker's start")
            kafka.kill()
            trial.lull(2.0, 25.0 if number > 1 else 5.0)
            kafka.start()
            for worker in workers[1:] if worker_is_there(trial) else ():
                trial.wait(partial(settled, worker), "it is up or has ended")
                if worker.code is None:
                    trial.kill(worker)
            continue
        if outage == "pause":
            trial.note("broker SIGSTOP")
            kafka.pause()
            trial.lull(SHORT_S, SHORT_S + 2)
            kafka.resume()
        else:
            trial.note(f"broker kill -9 for {LONG_S if outage == 'long' else SHORT_S:.0f} s")
            kafka.kill()
            seconds = LONG_S if outage == "long" else SHORT_S
            trial.lull(seconds, seconds + 2)
            kafka.start()
        trial.note("return of the broker", measured=True)
        trial.wait(lambda: all(worker.ready for worker in trial.alive), "the workers are ready")
    assert loader.placed


def settled(worker: WorkerProcess) -> bool:
    """Whether a worker is at work or has ended."""
    return worker.code is not None or worker.ready


def worker_is_there(trial: Trial) -> bool:
    """Whether more workers run than the trial needs to go on."""
    return len(trial.alive) > 2


def leaders(trial: Trial) -> None:
    """Three brokers, two of which must have every write; leaders are killed in turn, at times two at once."""
    trial.open(kafka_lines="replication = 3")
    trial.restarts = True
    three = trial.cluster.kafka
    assert isinstance(three, RealKafkaCluster)
    trial.start_ready(2)
    loader = trial.load()
    own = [trial.job.config.topic("ledger"), trial.job.config.topic("tallies")]
    while loader.is_alive():
        trial.lull(0.5, 3.0)
        topic = trial.chance.choice([*trial.job.raw.values(), *own])
        leader = trial.chance.choice([node for node in three.leads(topic) if node >= 0])
        dead = {leader}
        if trial.seconds >= AT_LEAST_S and trial.chance.random() < 0.25:
            dead.add((leader + 1) % len(three.nodes))
        for node in dead:
            three.nodes[node].kill()
        trial.note("leader kill -9" if len(dead) == 1 else "two brokers kill -9", measured=len(dead) == 1)
        trial.lull(4.0, 8.0)
        for node in dead:
            three.nodes[node].launch()
        for node in dead:
            three.nodes[node].wait_until_up()
        trial.wait(three.whole, "every replica is in sync")
