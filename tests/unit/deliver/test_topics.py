"""Which topics a deliverer waits for, and which it refuses."""

import threading
from collections.abc import Iterable
from typing import cast

import pytest

from streams.runtime.config.job import Config, parse
from streams.runtime.deliver import topics
from streams.runtime.deliver.topics import Awaited, Found, Missing, look_at_topics
from streams.runtime.errors import TopicError
from streams.runtime.kafka.client import SILENCE
from streams.runtime.kafka.topic_spec import TopicState
from streams.runtime.kafka.topics import Topics
from streams.runtime.topic_plans import own_plans

ALERTS, TELLINGS = "q.alerts.v1", "q.tellings.v1"


@pytest.fixture
def config() -> Config:
    return parse('name = "q"', "job.toml", {})


class Broker:
    """Knows some topics."""

    def __init__(self, *states: TopicState) -> None:
        self.known = {state.name: state for state in states}

    def describe(self, names: Iterable[str]) -> dict[str, TopicState]:
        return {name: self.known.get(name, TopicState(name, exists=False)) for name in names}


def look(config: Config, *states: TopicState) -> Found | Missing:
    """What a deliverer finds where these topics are."""
    return look_at_topics(config, cast("Topics", Broker(*states)))


def made(config: Config, name: str, partitions: int = 2, policy: str = "compact,delete") -> TopicState:
    plan = next(plan for plan in own_plans(config) if plan.name == name)
    settings = {**plan.config, "cleanup.policy": policy}
    return TopicState(name, exists=True, partitions=partitions, topic_id=f"id-{name}", config=settings)


def test_what_is_there_as_the_job_makes_it_is_found(config: Config) -> None:
    assert look(config, made(config, ALERTS), made(config, TELLINGS)) == Found(f"id-{ALERTS}", 2)


def test_what_is_not_there_is_missing(config: Config) -> None:
    assert look(config, made(config, ALERTS)) == Missing((TELLINGS,))
    assert look(config) == Missing((ALERTS, TELLINGS))


def test_a_wrong_setting_is_an_error_also_while_the_other_topic_is_missing(config: Config) -> None:
    with pytest.raises(TopicError, match=r"has cleanup\.policy=delete, it must be compact,delete"):
        look(config, made(config, TELLINGS, policy="delete"))


def test_topics_of_different_partitions_are_an_error(config: Config) -> None:
    with pytest.raises(TopicError, match="differ in partitions"):
        look(config, made(config, ALERTS, 3), made(config, TELLINGS))


def test_one_client_asks_however_long_it_takes(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    clients: list[Broker] = []

    class Slow(Broker):
        def __init__(self, *_: object) -> None:
            super().__init__()
            self.asked = 0
            clients.append(self)

        def describe(self, names: Iterable[str]) -> dict[str, TopicState]:
            self.asked += 1
            if self.asked == 3:
                self.known = {name: made(config, name) for name in (ALERTS, TELLINGS)}
            return super().describe(names)

    monkeypatch.setattr(topics, "Topics", Slow)
    monkeypatch.setattr(topics, "EACH_S", 0.0)
    assert Awaited(config, SILENCE).wait(threading.Event()) == Found(f"id-{ALERTS}", 2)
    assert len(clients) == 1
