"""Runs by seed: one world each, checked, and what happened in it.

Seeds 2n and 2n + 1 share the raw topics and differ in their faults and in the number of partitions: their final rows
must be equal. Everything follows from the seed, so that a number replays a failure.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from time import process_time

import pytest

from tests.simulation.bounds import small_bounds
from tests.simulation.checks import check, demand
from tests.simulation.logs import Row, RowKey
from tests.simulation.raw import raw_of
from tests.simulation.world import World

PAIRS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Failure:
    """What a seed found."""

    seed: int
    mode: str
    what: str

    def __str__(self) -> str:
        replay = f"python -m tests.simulation --seed {self.seed}"
        return f"seed {self.seed} ({self.mode}): {self.what}\nreplay: {replay}"


@dataclass(frozen=True, slots=True)
class Result:
    """What some seeds brought: failures, how often what happened, and the CPU time it took."""

    seeds: int
    failures: list[Failure]
    happened: Counter[str]
    cpu_s: float


def world_of(seed: int) -> World:
    """The world of a seed, before its first turn."""
    return World(raw_of(seed // 2), seed)


def run(seed: int, happened: Counter[str] | None = None) -> dict[RowKey, Row]:
    """The final rows of a seed's run, checked."""
    world = world_of(seed)
    world.run()
    if happened is not None:
        happened.update(world.happened())
    return check(world)


def pair(n: int, happened: Counter[str]) -> Iterator[Failure]:
    """Both runs over the raw topics of n."""
    rows: list[dict[RowKey, Row]] = []
    for seed in (2 * n, 2 * n + 1):
        try:
            rows.append(run(seed, happened))
            if len(rows) > 1:
                differing = [key for key in rows[0].keys() | rows[1].keys() if rows[0].get(key) != rows[1].get(key)]
                demand(not differing, f"its twin ends with {len(differing)} other rows, such as {differing[:1]}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the seed is worth knowing
            yield Failure(seed, raw_of(n).mode, repr(error)[:2000])


def pairs(numbers: Iterable[int]) -> Result:
    """Some pairs, in this process."""
    began, numbers, happened = process_time(), list(numbers), Counter[str]()
    failures = [failure for n in numbers for failure in pair(n, happened)]
    return Result(2 * len(numbers), failures, happened, process_time() - began)


def everywhere(seeds: range, processes: int) -> Iterator[Result]:
    """The pairs that these seeds belong to, over processes, a part at a time."""
    numbers = range(seeds.start // 2, (seeds.stop + 1) // 2)
    parts = [numbers[i : i + PAIRS_AT_ONCE] for i in range(0, len(numbers), PAIRS_AT_ONCE)]
    if processes == 1:
        prepare()
        yield from map(pairs, parts)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), prepare) as pool:
        yield from pool.map(pairs, parts)


def prepare() -> None:
    """Small bounds, for good."""
    small_bounds(pytest.MonkeyPatch())


def say(line: str) -> None:
    """A line for who started the command."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
