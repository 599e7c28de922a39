"""Which topics a deliverer waits for, and which it refuses."""

from collections.abc import Iterable

import pytest

from streams.runtime.config.job import Config, parse
from streams.runtime.deliver import topics
from streams.runtime.deliver.topics import Found, Missing, look_at_topics
from streams.runtime.errors import TopicError
from streams.runtime.kafka.topic_spec import TopicState
from streams.runtime.topic_plans import own_plans

ALERTS, TELLINGS = "q.alerts.v1", "q.tellings.v1"


@pytest.fixture
def config() -> Config:
    return parse('name = "q"', "job.toml", {})


def there(monkeypatch: pytest.MonkeyPatch, *states: TopicState) -> None:
    """Make these the topics that a broker knows."""
    known = {state.name: state for state in states}

    class Broker:
        def __init__(self, *_: object) -> None:
            pass

        def describe(self, names: Iterable[str]) -> dict[str, TopicState]:
            return {name: known.get(name, TopicState(name, exists=False)) for name in names}

    monkeypatch.setattr(topics, "Topics", Broker)


def made(config: Config, name: str, partitions: int = 2, policy: str = "compact,delete") -> TopicState:
    plan = next(plan for plan in own_plans(config) if plan.name == name)
    settings = {**plan.config, "cleanup.policy": policy}
    return TopicState(name, exists=True, partitions=partitions, topic_id=f"id-{name}", config=settings)


def test_what_is_there_as_the_job_makes_it_is_found(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch, made(config, ALERTS), made(config, TELLINGS))
    assert look_at_topics(config, 1.0) == Found(f"id-{ALERTS}", 2)


def test_what_is_not_there_is_missing(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch, made(config, ALERTS))
    assert look_at_topics(config, 1.0) == Missing((TELLINGS,))
    there(monkeypatch)
    assert look_at_topics(config, 1.0) == Missing((ALERTS, TELLINGS))


def test_a_wrong_setting_is_an_error_also_while_the_other_topic_is_missing(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    there(monkeypatch, made(config, TELLINGS, policy="delete"))
    with pytest.raises(TopicError, match=r"has cleanup\.policy=delete, it must be compact,delete"):
        look_at_topics(config, 1.0)


def test_topics_of_different_partitions_are_an_error(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch, made(config, ALERTS, 3), made(config, TELLINGS))
    with pytest.raises(TopicError, match="differ in partitions"):
        look_at_topics(config, 1.0)
