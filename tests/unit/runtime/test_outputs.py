"""Rows out: where those of each stream lie, and the attributes of a CloudEvent: only alerts and their log have them."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from streams.alerts.instance import Change
from streams.alerts.rows import ALERT_LOG, ALERTS, GATES
from streams.alerts.telling.planner import Planner, Timing
from streams.alerts.telling.told import Batch, Kind, Telling
from streams.quality.rows import OutputRow
from streams.runtime.config.job import Config, TopicNoun, load
from streams.runtime.deliver.part import Part
from streams.runtime.kafka.transactions import RoundProducer
from streams.runtime.stages.outputs import ANY_PARTITION, NOUNS, encode, record_of
from tests.support.schemas import SCHEMAS

PAGE = (Path(__file__).parents[3] / "docs" / "alert-events.md").read_text()
EVENTS = sorted(file.name for file in (SCHEMAS / "examples").glob("quality.alert*.json") if "pulse" not in file.name)
OTHERS = ["quality.alert_pulse.v1.json", "quality.mute.v1.once.json"]
JUDGE = 3


@pytest.fixture
def config(tmp_path: Path) -> Config:
    file = tmp_path / "job.toml"
    file.write_text('name = "fraud-eu"\n[[predictions]]\ntopic = "p"\n[[labels]]\ntopic = "l"\n')
    return load(file, {})


def example(name: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads((SCHEMAS / "examples" / name).read_text())
    return row


def wanted(row: Mapping[str, Any]) -> dict[str, bytes]:
    """What docs/alert-events.md says, for the job fraud-eu."""
    return {
        "ce_specversion": b"1.0",
        "ce_id": row["transition_id"].encode(),
        "ce_source": b"/quality/fraud-eu",
        "ce_type": f"quality.alert.{row['kind']}".encode(),
        "ce_subject": row["fingerprint"].encode(),
        "ce_time": row["t"].encode(),
        "content-type": b"application/json",
    }


def test_there_is_an_example_of_every_kind_of_event() -> None:
    assert {example(name)["kind"] for name in EVENTS} == {*map(str, Change), "heartbeat"}


@pytest.mark.parametrize("name", EVENTS)
def test_a_row_of_an_alert_has_the_attributes_of_a_cloud_event(config: Config, name: str) -> None:
    row = example(name)
    stream = ALERT_LOG if "alert_log" in name else ALERTS
    record = record_of(config, OutputRow(stream, row["fingerprint"], row), JUDGE)
    assert dict(record.headers) == wanted(row)
    assert len(record.headers) == len(wanted(row))  # none comes twice
    assert record.topic == f"fraud-eu.{stream.replace('_', '-')}.v1"
    assert (record.key, record.partition) == (row["fingerprint"].encode(), JUDGE)
    assert json.loads(record.value or b"") == row


@pytest.mark.parametrize("name", EVENTS)
def test_the_attributes_are_ones_that_the_specification_allows(config: Config, name: str) -> None:
    attributes = dict(encode(config, "alerts", "k", example(name)).headers)
    assert {"ce_specversion", "ce_id", "ce_source", "ce_type"} <= attributes.keys()  # the required ones
    assert all(re.fullmatch(rb"[!-~]+", value) for value in attributes.values())  # printable, so nothing is encoded
    assert datetime.fromisoformat(attributes["ce_time"].decode()).tzinfo is not None  # RFC 3339 has an offset
    assert "ce_datacontenttype" not in attributes  # in Kafka's binary mode it is content-type


def test_the_same_row_has_the_same_headers_and_other_transitions_other_ids(config: Config) -> None:
    rows = [example(name) for name in EVENTS if "alert_log" in name]
    said = [encode(config, "alert-log", "k", row).headers for row in rows]
    assert said == [encode(config, "alert-log", "k", row).headers for row in rows]
    ids = {dict(headers)["ce_id"] for headers in said}
    assert len(ids) == len({row["transition_id"] for row in rows})


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_event_of_an_alert_has_none(config: Config, name: str) -> None:
    assert record_of(config, OutputRow(ALERTS, "k", example(name)), JUDGE).headers == ()


@pytest.mark.parametrize("noun", sorted({*NOUNS.values(), "rejects", "audit", "status"} - {"alerts", "alert-log"}))
def test_rows_of_other_streams_have_none(config: Config, noun: TopicNoun) -> None:
    row = {"transition_id": "x", "fingerprint": "y", "kind": "firing", "t": "2026-01-01T00:00:00.000Z"}
    record = encode(config, noun, "key", row)
    assert record.headers == ()
    assert (record.topic, record.partition) == (config.topic(noun), ANY_PARTITION)


@pytest.mark.parametrize("stream", sorted(NOUNS))
def test_what_is_said_of_a_models_alerts_lies_in_the_partition_of_its_judge(config: Config, stream: str) -> None:
    record = record_of(config, OutputRow(stream, "key", {"schema": "s"}), JUDGE)
    assert record.topic == config.topic(NOUNS[stream])
    assert record.partition == (JUDGE if stream in {ALERTS, ALERT_LOG, GATES} else ANY_PARTITION)


def test_tellings_have_none_and_lie_in_their_partition(config: Config) -> None:
    part = Part(2, Planner((), Timing()), cast("RoundProducer", object()))
    about = Telling("id", Kind.FIRING, "first", "f", "recall", "slo", (("model", "m"),), 5, "page", 0, 5, 5)
    part.planned.append(Batch("batch", "hook", (), 5, 5, (about,)))
    [record] = part.records(config.topic("tellings"))
    assert (record.topic, record.partition, record.key) == ("fraud-eu.tellings.v1", 2, b"batch")
    assert record.headers == ()


def test_the_page_names_every_attribute() -> None:
    assert set(re.findall(r"`(ce_[a-z]+)`", PAGE)) == {name for name in wanted(example(EVENTS[0])) if "ce_" in name}
