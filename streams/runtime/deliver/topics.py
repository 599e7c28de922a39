"""The topics that a deliverer reads and writes: it waits for those that are not there yet, and refuses wrong ones.

Worker and deliverer are often started together, and the worker makes the topics. A topic that is there and wrong does
not become right by waiting.
"""

import threading
from typing import NamedTuple

from streams.runtime.clock import monotonic_s
from streams.runtime.config.job import Config
from streams.runtime.errors import TopicError, UnavailableError
from streams.runtime.kafka.client import Log
from streams.runtime.kafka.topic_spec import TopicPlan, problems_of
from streams.runtime.kafka.topics import Topics
from streams.runtime.topic_plans import own_plans

EACH_S = 1.0
"""How often to look whether the topics are there."""

_FIRST_S, _CALL_S = 15.0, 4.0  # how long a broker may take to answer at first, and one call: then a stop is seen


class Found(NamedTuple):
    """The very topic of alerts (its id: positions belong to it), and how many partitions it has."""

    alerts_id: str
    partitions: int


class Missing(NamedTuple):
    """Topics that are not there."""

    names: tuple[str, ...]


class Awaited:
    """`wait` for the topics; `sentence` is what it waits for, "" when it does not."""

    def __init__(self, config: Config, log: Log) -> None:
        self._config, self._log = config, log
        self._topics = Topics(config.client, _CALL_S)  # one client, however long it takes
        self.sentence = ""

    def wait(self, stop: threading.Event) -> Found | None:
        """What there is once both topics are there; None when told to stop before.

        Raises TopicError where a topic is wrong, UnavailableError when no broker answers the first question. One that
        goes away later is waited for.
        """
        until_s = monotonic_s() + _FIRST_S
        while not stop.is_set():
            try:
                found = look_at_topics(self._config, self._topics)
            except UnavailableError:
                if not self.sentence and monotonic_s() > until_s:
                    raise
            else:
                if isinstance(found, Found):
                    self.sentence = ""
                    return found
                if not self.sentence:
                    self.sentence = f"waiting for {' and '.join(found.names)}, which a worker of the job makes"
                    self._log.info(
                        "waiting for the topics of the job; a worker makes them when it starts for the first time",
                        topics=list(found.names), name=self._config.name, prefix=self._config.prefix,
                    )  # fmt: skip
            stop.wait(EACH_S)
        return None


def look_at_topics(config: Config, topics: Topics) -> Found | Missing:
    """The topics of alerts and of tellings. Raises TopicError where one is wrong, UnavailableError."""
    alerts, tellings = config.topic("alerts"), config.topic("tellings")
    states = topics.describe([alerts, tellings])
    settings = {plan.name: plan.config for plan in own_plans(config)}
    problems = [
        line
        for name, state in states.items()
        if state.exists
        for line in problems_of(TopicPlan(name, 0, settings[name]), state)
    ]
    if problems:
        raise TopicError("\n".join(problems))
    missing = tuple(name for name, state in states.items() if not state.exists)
    if missing:
        return Missing(missing)
    if states[alerts].partitions != states[tellings].partitions:
        raise TopicError(f"{alerts} and {tellings} differ in partitions; make {tellings} again with those of {alerts}")
    return Found(states[alerts].topic_id, states[alerts].partitions)
