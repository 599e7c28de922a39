"""The thread that reads alerts and gates, on the embedded broker: ready at the ends, through outages, in order."""

from collections.abc import Iterator

import orjson
import pytest
from confluent_kafka import Producer

from streams.runtime.alerts_board import AlertsBoard
from streams.runtime.alerts_view import AlertsView
from streams.runtime.config.job import TopicNoun
from streams.runtime.kafka.embedded import EmbeddedBroker
from tests.support.workers import Journal, wait_for

pytestmark = pytest.mark.embedded

TOPICS: dict[str, TopicNoun] = {"q.gates": "gates", "q.alerts": "alerts", "q.log": "alert-log"}


def alert(fingerprint: str, phase: str, model: str = "fraud") -> bytes:
    return orjson.dumps({
        "schema": "quality.alert.v1", "fingerprint": fingerprint, "phase": phase, "severity": "page",
        "fired_at": "2026-11-20T06:00:00.000Z", "episode": None, "model": model,
    })  # fmt: skip


class Running:
    """A broker with the three topics, something that writes, and views."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.broker = broker
        for topic in TOPICS:
            broker.create_topic(topic, 2)
        self.producer = Producer({**broker.client, "log_level": 0})
        self.views: list[AlertsView] = []
        self.journal = Journal()

    def write(self, topic: str, key: str, value: bytes | None) -> None:
        self.producer.produce(topic, value, key)
        assert self.producer.flush(20) == 0

    def view(self) -> AlertsBoard:
        board = AlertsBoard(tuple, lambda: 0)
        self.views.append(AlertsView(self.broker.client, TOPICS, board, self.journal))
        self.views[-1].start()
        return board


@pytest.fixture
def running() -> Iterator[Running]:
    with EmbeddedBroker() as broker:
        world = Running(broker)
        yield world
        for view in world.views:
            view.stop()


def firing(board: AlertsBoard) -> list[str]:
    return [row["fingerprint"] for row in board.alerts()]


def test_it_is_ready_when_it_knows_what_was_there_and_then_goes_on(running: Running) -> None:
    for n in range(40):
        running.write("q.alerts", f"a{n}", alert(f"a{n}", "firing"))
    running.write("q.alerts", "a0", alert("a0", "inactive"))
    running.write("q.alerts", "a1", None)
    running.write("q.log", "a0", orjson.dumps({"fingerprint": "a0", "transition_id": "1"}))
    board = running.view()
    wait_for(lambda: board.reading() is None, "the view is ready")
    assert sorted(firing(board)) == sorted(f"a{n}" for n in range(2, 40))
    assert len(board.history("a0").transitions) == 1
    running.write("q.alerts", "late", alert("late", "firing"))
    wait_for(lambda: "late" in firing(board), "an alert that came later")


def test_empty_topics_are_read_to_their_end_at_once(running: Running) -> None:
    board = running.view()
    wait_for(lambda: board.reading() is None, "the view is ready")
    assert firing(board) == []


def test_what_is_known_is_answered_while_the_broker_is_away(running: Running) -> None:
    running.write("q.alerts", "a", alert("a", "firing"))
    board = running.view()
    wait_for(lambda: board.reading() is None, "the view is ready")
    running.broker.broker_down()
    assert firing(board) == ["a"]
    assert board.reading() is None
    running.broker.broker_up()
    running.write("q.alerts", "b", alert("b", "firing"))
    wait_for(lambda: sorted(firing(board)) == ["a", "b"], "the view goes on")


def test_another_client_goes_on_where_the_first_one_was(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read again from the beginning, old states would come back for a moment."""
    monkeypatch.setattr("streams.runtime.alerts_view.AGAIN_AFTER_S", 0.0)
    running.write("q.alerts", "a", alert("a", "firing"))
    running.write("q.alerts", "a", alert("a", "inactive"))
    board = running.view()
    wait_for(lambda: board.reading() is None, "the view is ready")
    taken: list[str] = []
    take = board.take

    def note(noun: str, key: str, value: bytes | None) -> None:
        taken.append(key)
        take(noun, key, value)

    monkeypatch.setattr(board, "take", note)
    view = running.views[-1]
    view._lost_s = -1e9  # as if the client had lost its brokers long ago
    wait_for(lambda: view._lost_s is None, "another client")
    running.write("q.alerts", "b", alert("b", "firing"))
    wait_for(lambda: "b" in firing(board), "it reads on")
    assert taken == ["b"]


def test_a_broker_that_is_not_there_yet_is_waited_for(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.runtime.alerts_view.AGAIN_AFTER_S", 0.0)
    monkeypatch.setattr("streams.runtime.alerts_view._PATIENCE_S", 0.2)
    running.write("q.alerts", "a", alert("a", "firing"))
    running.broker.broker_down()
    board = running.view()
    journal = running.journal
    wait_for(lambda: journal.count("the alerts cannot be read; trying again"), "it tried in vain")
    assert board.reading() is not None
    running.broker.broker_up()
    wait_for(lambda: board.reading() is None, "the view is ready")
    assert firing(board) == ["a"]
    assert journal.count("the alerts cannot be read; trying again") == 1
