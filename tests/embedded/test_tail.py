"""`streams tail` on a broker: what it shows, from where, and that it leaves no trace."""

import json
import time
from collections.abc import Iterator
from itertools import islice

import pytest
from confluent_kafka import Producer

from streams.cli.main import main
from streams.runtime.errors import TopicError, UnavailableError
from streams.runtime.kafka.embedded import EmbeddedBroker
from streams.runtime.kafka.tail import RECENT, read_rows

pytestmark = pytest.mark.embedded

TOPIC = "quality.windows.v1"


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as started:
        started.create_topic(TOPIC, 3)
        started.create_topic("quality.rejects.v1", 1)
        yield started


def write(broker: EmbeddedBroker, count: int, topic: str = TOPIC) -> None:
    producer = Producer({**broker.client, "log_level": 0})
    for n in range(count):
        row = {"revision": n, "model": "ab"[n % 2], "segment": "all", "window_end": f"{n:05}"}
        producer.produce(topic, key=f"k{n % 5}", value=json.dumps(row), timestamp=1_000 + n)
    producer.produce(topic, key="x", value=b"not json", timestamp=1)
    producer.produce(topic, key="x", value=b"[1]", timestamp=1)
    producer.produce(topic, key="x", value=None, timestamp=1)
    assert producer.flush(10) == 0


def test_the_whole_topic_is_read_to_its_end(broker: EmbeddedBroker) -> None:
    write(broker, 40)
    rows = [row for row in read_rows(broker.client, TOPIC, from_start=True, follow=False) if row]
    assert sorted(row.value["revision"] for row in rows) == list(range(40))
    assert {row.key for row in rows} == {f"k{n}" for n in range(5)}


def test_an_empty_topic_ends_at_once(broker: EmbeddedBroker) -> None:
    assert not any(read_rows(broker.client, TOPIC, from_start=False, follow=False))


def test_reading_begins_near_the_end_unless_told_otherwise(broker: EmbeddedBroker) -> None:
    write(broker, RECENT + 500, "quality.rejects.v1")
    rows = [row for row in read_rows(broker.client, "quality.rejects.v1", from_start=False, follow=False) if row]
    assert {row.value["revision"] for row in rows} == set(range(503, RECENT + 500))


def test_a_partition_that_ends_early_does_not_end_the_others(broker: EmbeddedBroker) -> None:
    producer = Producer({**broker.client, "log_level": 0})
    for n in range(3_000):
        producer.produce(TOPIC, key="k", value=json.dumps({"revision": n}), partition=1)
    assert producer.flush(10) == 0
    rows = [row for row in read_rows(broker.client, TOPIC, from_start=True, follow=False) if row]
    assert [row.value["revision"] for row in rows] == list(range(3_000))


def test_following_shows_what_is_written_later(broker: EmbeddedBroker) -> None:
    write(broker, 2)
    deadline_s = time.monotonic() + 20
    found = read_rows(broker.client, TOPIC, from_start=True, follow=True, stop=lambda: time.monotonic() > deadline_s)
    rows = (row.value["revision"] for row in found if row)
    assert sorted(islice(rows, 2)) == [0, 1]
    write(broker, 1)
    assert next(rows) == 0
    found.close()  # type: ignore[attr-defined]


def test_tail_prints_json_lines_of_the_newest_rows_of_a_model(
    broker: EmbeddedBroker, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    write(broker, 40)
    arguments = ["tail", "windows", "--brokers", broker.bootstrap, "--model", "a", "--limit", "3"]
    assert main(arguments) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert [json.loads(line)["revision"] for line in lines] == [34, 36, 38]


def test_tail_from_the_start_stops_at_the_limit(
    broker: EmbeddedBroker, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    write(broker, 40)
    assert main(["tail", "windows", "--brokers", broker.bootstrap, "--from-start", "-n", "7"]) == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == 7


def test_tail_follows_until_it_has_enough(broker: EmbeddedBroker, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write(broker, 9)
    assert main(["tail", "windows", "--brokers", broker.bootstrap, "-f", "-n", "9", "--segment", "all"]) == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == 9


def test_a_missing_topic_is_a_sentence(broker: EmbeddedBroker, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TopicError, match=r"there is no topic nothing"):
        list(read_rows(broker.client, "nothing", from_start=True, follow=False))
    assert main(["tail", "audit", "--brokers", broker.bootstrap, "--prefix", "no."]) == 76
    assert capsys.readouterr().err.startswith("there is no topic no.audit.v1")


def test_a_missing_broker_is_a_sentence_after_a_bounded_wait() -> None:
    nobody = {"bootstrap.servers": "127.0.0.1:1"}
    with pytest.raises(UnavailableError, match=r"no broker answered within 0 s"):
        list(read_rows(nobody, TOPIC, from_start=True, follow=False, patience_s=0.2))
