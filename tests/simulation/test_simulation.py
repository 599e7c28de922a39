"""The whole job under every fault, seed by seed: twins share their raw topics and must end with equal final rows.

`make simulate SEEDS=5000` runs more of them. A failure prints its seed and the command that replays it.
"""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import monotonic

import pytest

from tests.simulation.runs import pair, run, world_of
from tests.simulation.stage_defects import judge_adds_instead_of_replacing

SEEDS = 240
PARTS = 4
"""Tests among which the seeds are spread, so that several processes can share them."""


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_fails_the_rows_are_those_of_a_recount(part: int, capsys: pytest.CaptureFixture[str]) -> None:
    began, happened = monotonic(), Counter[str]()
    numbers = range(part, SEEDS // 2, PARTS)
    failures = [failure for n in numbers for failure in pair(n, happened)]
    with capsys.disabled():
        print(f"\nsimulation: {2 * len(numbers)} seeds in {monotonic() - began:.0f} s; {dict(happened)}")  # noqa: T201
    assert not failures, "\n".join(map(str, failures))
    for what in (
        "checkpoints written",
        "states restored",
        "states kept in memory",
        "logs trimmed",
        "zombies",
        "transitions",
    ):
        assert happened[what], f"no run had {what}: {happened}"


def test_a_run_is_a_function_of_its_seed() -> None:
    worlds = [world_of(8) for _ in range(2)]
    for world in worlds:
        world.run()
    one, other = (world.broker for world in worlds)
    assert (one.logs, one.happened) == (other.logs, other.happened)
    keys = [
        [[entry and entry[0] for entry in topic.entries] for topic in broker.checkpoints] for broker in (one, other)
    ]
    assert keys[0] == keys[1]
    assert [outputs.newest for outputs in one.outputs] == [outputs.newest for outputs in other.outputs]


def test_a_failure_tells_its_seed_and_how_to_replay_it(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_adds_instead_of_replacing(monkeypatch)
    failures = [failure for n in range(5) for failure in pair(n, Counter())]
    assert failures
    for failure in failures:
        assert f"python -m tests.simulation --seed {failure.seed}" in str(failure)
        with pytest.raises(Exception, match=r".+") as replayed:
            run(failure.seed)
        assert repr(replayed.value)[:2000] == failure.what


def test_the_command_replays_a_seed() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--seed", "5"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("2 seeds in ")
