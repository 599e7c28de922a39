"""`streams topics` and `streams tail` on a real Kafka: topics that are made, and transactions that were aborted."""

import json
import uuid
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streams.cli.main import main
from streams.runtime.kafka.tail import read_rows
from tests.support.clusters import RealCluster

pytestmark = pytest.mark.system


def test_topics_are_made_as_they_must_be_and_then_all_is_right(
    cluster: RealCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"t{uuid.uuid4().hex[:8]}"
    path = tmp_path / "c.toml"
    raw = "".join(f'[[{table}]]\ntopic = "{name}-{table}"\n' for table in ("predictions", "labels"))
    path.write_text(f'name = "{name}"\n[kafka]\nbootstrap = "{cluster.client["bootstrap.servers"]}"\n{raw}')
    for table in ("predictions", "labels"):
        cluster.create_topic(f"{name}-{table}", 2)
    assert main(["topics", "-c", str(path), "--json"]) == 1
    assert not json.loads(capsys.readouterr().out)["ok"]
    assert main(["topics", "-c", str(path), "--create", "--json"]) == 0
    made = {topic["topic"]: topic for topic in json.loads(capsys.readouterr().out)["topics"]}
    assert made[f"{name}.ledger.v1"]["cleanup_policy"] == "delete"
    assert made[f"{name}.checkpoints.v1"]["cleanup_policy"] == "compact"
    assert set(made[f"{name}.windows.v1"]["cleanup_policy"].split(",")) == {"compact", "delete"}
    assert made[f"{name}.ledger.v1"]["partitions"] == 8
    assert main(["topics", "-c", str(path)]) == 0


def test_only_committed_rows_are_shown_and_an_aborted_end_is_an_end(cluster: RealCluster) -> None:
    topic = f"t{uuid.uuid4().hex[:8]}.windows.v1"
    cluster.create_topic(topic, 2)
    producer = Producer({**cluster.client, "transactional.id": topic, "log_level": 0})
    producer.init_transactions(10)
    for revision, is_committed in ((1, True), (2, False), (3, True), (4, False)):
        producer.begin_transaction()
        for partition in (0, 1):
            producer.produce(topic, key="k", value=json.dumps({"revision": revision}), partition=partition)
        if is_committed:
            producer.commit_transaction(10)
        else:
            producer.flush(10)
            producer.abort_transaction(10)
    rows = [row for row in read_rows(cluster.client, topic, from_start=True, follow=False) if row]
    assert sorted(row.value["revision"] for row in rows) == [1, 1, 3, 3]
