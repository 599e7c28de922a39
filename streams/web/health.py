"""Is the worker alive, ready, started? Checks by name with the reason, from plain numbers that somebody else measured.

Alive is only about this process: a lost broker never makes it dead, since a restart does not heal Kafka. Lag never
makes it unready, since that would take workers out just when there is work; lag is an alert.
"""

from dataclasses import dataclass

STUCK_AFTER_S = 60.0
"""A worker whose loop did not move for this long is stuck."""


@dataclass(frozen=True, slots=True)
class Health:
    """What a worker knows about itself at one moment.

    `heartbeat_age_s` is the time since its loop last moved; `assigned` and `loaded` count partitions over all stages;
    `joined` says that the group has told this worker its partitions (perhaps none); `config_problem` is the sentence
    of a configuration that cannot be run with these logs, "" when it can; `full` the one of tables that have reached
    their bound, so that nothing is read, "" while there is room.
    """

    heartbeat_age_s: float
    assigned: int
    loaded: int
    joined: bool
    draining: bool = False
    config_problem: str = ""
    full: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold, whether it does, and why one knows."""

    name: str
    ok: bool
    why: str


def live_checks(health: Health) -> tuple[Check, ...]:
    """What must hold for the process not to be restarted."""
    age_s = health.heartbeat_age_s
    moved = age_s <= STUCK_AFTER_S
    why = f"the loop moved {age_s:.1f} s ago" if moved else f"the loop has not moved for {age_s:.0f} s"
    return (Check("loop", moved, why),)


def started_checks(health: Health) -> tuple[Check, ...]:
    """What must hold for the start to be over: the partitions are known and their state is restored."""
    joined = "the group has assigned partitions" if health.joined else "waiting for the group to assign partitions"
    restored = health.joined and health.loaded >= health.assigned
    return (
        Check("group", health.joined, joined),
        Check("state", restored, f"{health.loaded} of {health.assigned} partitions are restored"),
    )


def ready_checks(health: Health) -> tuple[Check, ...]:
    """What must hold for the worker to do its work and for its answers to be whole."""
    config = Check("config", not health.config_problem, health.config_problem or "the configuration fits the logs")
    draining = Check("draining", not health.draining, "stopping" if health.draining else "not stopping")
    memory = Check("memory", not health.full, health.full or "the held tables have room")
    return (config, *live_checks(health), *started_checks(health), memory, draining)
