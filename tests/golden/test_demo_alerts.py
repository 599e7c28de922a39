"""The alerts that the demo must tell are those of a replay of its files; the known ones are committed."""

from pathlib import Path

from streams.cli.demo_job import KNOWN_ALERTS
from tests.golden.demo_alerts import known


def test_a_replay_of_the_demo_tells_the_committed_alerts(tmp_path: Path) -> None:
    assert known(tmp_path) == KNOWN_ALERTS.read_bytes(), "if that is meant: python -m tests.golden.demo_alerts"
