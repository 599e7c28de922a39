"""What a broker says while leaders move is asked again, not taken for a refusal."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.runtime.errors import TopicError
from streams.runtime.kafka.topics import Topics

NOWHERE = {"bootstrap.servers": "127.0.0.1:9"}  # the discard port: nobody is asked in these tests


class Answers:
    """A call that fails with an error first, and then has an answer."""

    def __init__(self, code: int) -> None:
        self.code, self.asked = code, 0

    def __call__(self) -> str:
        self.asked += 1
        if self.asked == 1:
            raise KafkaException(KafkaError(self.code, "as the client says it"))
        return "answer"


@pytest.mark.parametrize(
    "code", [KafkaError._NOENT, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError._TRANSPORT, KafkaError.NOT_CONTROLLER]
)
def test_what_passes_is_asked_again(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    topics, answers = Topics(NOWHERE, wait_s=5.0), Answers(code)
    monkeypatch.setattr(topics, "_look_again", lambda _error: None)
    assert topics._ask(answers) == "answer"
    assert answers.asked == 2


def test_what_does_not_pass_is_said() -> None:
    answers = Answers(KafkaError.POLICY_VIOLATION)
    with pytest.raises(TopicError, match="the broker refuses"):
        Topics(NOWHERE)._ask(answers)
    assert answers.asked == 1


class Admin:
    """Hands out an offset that is none first, as librdkafka does while a leader is elected."""

    def __init__(self) -> None:
        self.offsets = [-1001, 42]

    def list_offsets(self, wanted: dict[Any, Any], **_options: Any) -> dict[Any, Future[Any]]:
        told: Future[Any] = Future()
        told.set_result(SimpleNamespace(offset=self.offsets.pop(0)))
        return dict.fromkeys(wanted, told)

    def poll(self, _timeout_s: float) -> None:
        """Nothing happened."""


def test_an_offset_that_nobody_told_is_no_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    topics = Topics(NOWHERE, wait_s=5.0)
    monkeypatch.setattr(topics, "_admin", Admin())
    monkeypatch.setattr(topics, "_look_again", lambda _error: None)
    assert topics.end_offsets([("labels", 0)]) == {("labels", 0): 42}
