import json
from pathlib import Path

import pytest

from streams.cli.main import main
from streams.runtime.config.job import load
from streams.runtime.kafka.embedded import EmbeddedBroker
from streams.runtime.topic_plans import own_plans, raw_plans

pytestmark = pytest.mark.embedded


def configuration(folder: Path, bootstrap: str) -> Path:
    path = folder / "c.toml"
    path.write_text(
        f'[kafka]\nbootstrap = "{bootstrap}"\n[[predictions]]\ntopic = "p"\n[[labels]]\ntopic = "l"\n'
        "[ledger]\npartitions = 2\ntallies_partitions = 3\n"
    )
    return path


def test_missing_topics_are_found_and_told_with_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedBroker() as broker:
        path = configuration(tmp_path, broker.bootstrap)
        broker.create_topic("p", 4)
        assert main(["topics", "-c", str(path), "--json"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert told["ok"] is False
        by_name = {topic["topic"]: topic for topic in told["topics"]}
        assert (by_name["p"]["ok"], by_name["p"]["role"], by_name["p"]["partitions"]) == (True, "raw", 4)
        assert (by_name["l"]["exists"], by_name["quality.ledger.v1"]["exists"]) == (False, False)
        assert "--create" in by_name["quality.ledger.v1"]["problems"][0]
        assert main(["topics", "-c", str(path)]) == 1
        shown = capsys.readouterr()
        assert "missing" in shown.out
        assert "topic l does not exist" in shown.err


def test_topics_that_are_right_end_with_0_and_wrong_partitions_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedBroker() as broker:
        path = configuration(tmp_path, broker.bootstrap)
        config = load(path, {})
        for plan in (*raw_plans(config), *own_plans(config)):
            broker.create_topic(plan.name, plan.partitions or 4)
        assert main(["topics", "-c", str(path)]) == 0
        capsys.readouterr()
        path.write_text(path.read_text().replace("tallies_partitions = 3", "tallies_partitions = 5"))
        assert main(["topics", "-c", str(path)]) == 1
        assert "quality.tallies.v1 has 3 partitions, the job is configured for 5" in capsys.readouterr().err


def test_without_a_broker_it_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = configuration(tmp_path, "127.0.0.1:1")
    assert main(["topics", "-c", str(path), "--wait", "0.2"]) == 69
    assert "no broker" in capsys.readouterr().err


def test_logs_keep_everything_and_outputs_are_compacted() -> None:
    plans = {plan.name: plan for plan in own_plans(load(None, {}))}
    for name in ("quality.ledger.v1", "quality.tallies.v1"):
        assert plans[name].config["cleanup.policy"] == "delete"
        assert plans[name].config["retention.ms"] == "-1"
    assert plans["quality.checkpoints.v1"].config["cleanup.policy"] == "compact"
    assert plans["quality.windows.v1"].config["cleanup.policy"] == "compact,delete"
    assert plans["quality.rejects.v1"].config["cleanup.policy"] == "compact,delete"
    assert (plans["quality.ledger.v1"].partitions, plans["quality.tallies.v1"].partitions) == (8, 4)
