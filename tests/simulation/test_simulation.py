"""The whole job under every fault, seed by seed: the raw topics of a seed, run twice with the faults of two others.

`STREAMS_SIM_SEEDS=1000:9000 pytest tests/simulation/test_simulation.py` runs other seeds than those of `make test`. A
failure prints its seed and the command that replays it.
"""

import os
import time

import pytest

from tests.simulation.checks import check, demand
from tests.simulation.logs import Row, RowKey, SimulationError
from tests.simulation.raw import MODES, raw_of
from tests.simulation.world import World

SEEDS = 150


def seeds() -> range:
    """The seeds to run: those of the environment, or the fixed ones."""
    first, _, last = os.environ.get("STREAMS_SIM_SEEDS", f"0:{SEEDS}").partition(":")
    return range(int(first), int(last or int(first) + 1))


def run(seed: int, faults: int) -> dict[RowKey, Row]:
    """The final rows of the raw topics of a seed under the faults of another, checked."""
    world = World(raw_of(seed), faults)
    world.run()
    return check(world)


def twice(seed: int) -> None:
    """Two runs over the raw topics of a seed: each checked, and their final rows equal."""
    one, other = run(seed, 2 * seed), run(seed, 2 * seed + 1)
    differing = [key for key in one.keys() | other.keys() if one.get(key) != other.get(key)]
    demand(not differing, f"two runs differ in {len(differing)} final rows, such as {differing[:1]}")


def test_whatever_fails_the_rows_are_those_of_a_recount(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    for seed in seeds():
        try:
            twice(seed)
        except Exception as error:
            mode = MODES[seed % len(MODES)]
            replay = f"STREAMS_SIM_SEEDS={seed}:{seed + 1} python -m pytest tests/simulation/test_simulation.py"
            raise SimulationError(f"seed {seed} ({mode}): {error!r}\nreplay: {replay}") from error
    with capsys.disabled():
        print(f"\nsimulation: {2 * len(seeds())} runs of {seeds()} in {time.monotonic() - began:.0f} s")  # noqa: T201


def test_a_run_is_a_function_of_its_seeds() -> None:
    worlds = [World(raw_of(5), 3) for _ in range(2)]
    for world in worlds:
        world.run()
    assert worlds[0].broker.logs == worlds[1].broker.logs
    assert [o.newest for o in worlds[0].broker.outputs] == [o.newest for o in worlds[1].broker.outputs]
