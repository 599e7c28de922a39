"""What do held predictions and labels cost: bytes a row, CPU time a row of the fold, the longest rebuild?

    python -m benchmarks.held_tables [--rows 1000000] [--rounds 3] [--json FILE]

One ledger partition in this process, no Kafka: encoded blocks go through `Join.apply`, with a flush each 100,000
rows. CPU time of the fastest round. `narrow`: an hour, one model version, labels an hour late at most. `wide`: two
days, 20 groups, labels two days late at most, so that nearly every label goes into a pane of its own.
"""

import argparse
import gc
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from streams.formats.columns import Group
from streams.formats.reasons import Kind
from streams.ledger.blocks import Block, encode
from streams.ledger.join import Join
from streams.ledger.spec import DAY, HOUR, LedgerSpec, Timing

CLASSES = ["legit", "fraud", "review", "good", "bad"]
BEGIN_MS = 28_333_440 * 60_000
FLUSH_ROWS = 100_000
BLOCK = 5_000
SMALL_BLOCK = 625

Ints = NDArray[np.int64]


@dataclass(slots=True)
class World:
    """Ids with a prediction, a label and a later label each, spread over `span_ms`."""

    rows: int
    span_ms: int = HOUR
    groups: int = 1
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))
    hashes: NDArray[np.uint64] = field(init=False)
    time: Ints = field(init=False)
    label_time: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.hashes = self.rng.integers(1, 1 << 64, (self.rows, 2), np.uint64)
        self.time = BEGIN_MS + np.arange(self.rows) * self.span_ms // self.rows
        self.label_time = self.time + self.rng.integers(1, self.span_ms, self.rows)

    def predictions(self, block: int) -> Iterator[bytes]:
        """Blocks in the order of time."""
        groups = [Group("fraud", "v1", (f"s{g}",)) for g in range(self.groups)]
        for begin in range(0, self.rows, block):
            at = np.arange(begin, begin + block)
            record = self._block(Kind.PREDICTION, "p", begin, at, self.time)
            record.groups, record.group = groups, self.rng.integers(0, self.groups, len(at)).astype(np.uint32)
            record.confidence = self.rng.integers(0, 60_000, len(at)).astype(np.uint16)
            yield encode(record)

    def labels(self, block: int, later_ms: int = 0, order: Ints | None = None) -> Iterator[bytes]:
        """Blocks in the order of their time, or another one; `later_ms` makes them others."""
        order = np.argsort(self.label_time) if order is None else order
        for begin in range(0, self.rows, block):
            at = order[begin : begin + block]
            record = self._block(Kind.LABEL, f"l{later_ms}", begin, at, self.label_time + later_ms)
            record.rank = np.zeros(len(at), np.uint8)
            record.delivered, record.label_source = record.time, np.zeros(len(at), np.uint16)
            record.label_sources = ["team"]
            yield encode(record)

    def _block(self, kind: Kind, source: str, begin: int, at: Ints, times: Ints) -> Block:
        cls = self.rng.integers(0, len(CLASSES), len(at)).astype(np.uint16)
        end = begin + len(at)
        return Block(
            kind, source, begin << 20, end << 20, self.hashes[at], times[at], np.arange(begin, end) << 20, cls, CLASSES
        )  # fmt: skip


@dataclass(slots=True)
class Fold:
    """A join, and what it took: CPU time in all and of the slowest record, s."""

    join: Join = field(default_factory=lambda: Join(LedgerSpec(partitions=1), 0))
    cpu_s: float = 0.0
    longest_s: float = 0.0
    rows: int = 0

    def take(self, records: Iterable[bytes], block: int) -> "Fold":
        """Apply records of `block` rows; a flush each FLUSH_ROWS, whose time does not count as a record's."""
        for record in records:
            began = time.process_time()
            self.join.apply(self.join.position, record)
            took = time.process_time() - began
            self.longest_s, self.rows = max(self.longest_s, took), self.rows + block
            if self.rows % FLUSH_ROWS < block:
                self.join.flush("w")
                self.join.take_rejects()
            self.cpu_s += time.process_time() - began
        return self

    def again(self) -> "Fold":
        """The same join with a clock that begins at 0."""
        return Fold(self.join)


def _bytes(rows: int, *, labelled: bool) -> float:
    """Bytes a row of the tables, mean over the last doubling."""
    world, fold, seen = World(rows), Fold(), list[float]()
    labels = world.labels(BLOCK, order=np.arange(rows))
    for n, record in enumerate(world.predictions(BLOCK), 1):
        fold.take([record], BLOCK)
        if labelled:
            fold.take([next(labels)], BLOCK)
        if n * BLOCK > rows // 2:
            seen.append(fold.join.held.nbytes / (n * BLOCK))
    return sum(seen) / len(seen)


def _folds(rows: int, block: int, name: str, span_ms: int, groups: int) -> dict[str, float]:
    """CPU us a row of predictions, their labels, and further labels; and with the labels first."""
    world, out = World(rows, span_ms, groups), dict[str, float]()
    usual, other = Fold(), Fold()
    for kind, fold, records in (
        ("prediction", usual, world.predictions(block)),
        ("label", usual, world.labels(block)),
        ("second_label", usual, world.labels(block, later_ms=1)),
        ("label_first", other, world.labels(block)),
        ("prediction_after_label", other, world.predictions(block)),
    ):
        out[f"{name}_{kind}_us"] = fold.again().take(list(records), block).cpu_s / rows * 1e6
    return out


def _stalls(rows: int) -> dict[str, float]:
    """The longest record while a table grows to `rows`, and while as many come and go, ms."""
    grows = Fold().take(World(rows).predictions(BLOCK), BLOCK)
    world = World(2 * rows)
    final_ms = world.span_ms // 2
    goes = Fold(Join(LedgerSpec(partitions=1, timing=Timing(final_ms // 2, final_ms // 2, 0)), 0))
    for n, record in enumerate(world.predictions(BLOCK), 1):
        goes.take([record], BLOCK)
        goes.join.held.advance(int(world.time[n * BLOCK - 1]))
    return {
        "growth_stall_ms": grows.longest_s * 1e3,
        "expiry_stall_ms": goes.longest_s * 1e3,
        "prediction_with_expiry_us": goes.cpu_s / (2 * rows) * 1e6,
    }


def measure(rows: int = 1_000_000, rounds: int = 3) -> dict[str, float]:
    """All figures by name; `rows` a multiple of 500,000, a fifth of them where only a speed is asked."""
    best: dict[str, float] = {
        "bytes_unlabelled": _bytes(rows, labelled=False),
        "bytes_labelled": _bytes(rows, labelled=True),
    }
    for _ in range(rounds):
        found = _stalls(rows)
        found |= _folds(rows // 5, BLOCK, "narrow", HOUR, 1)
        found |= _folds(rows // 5, SMALL_BLOCK, "narrow_small_blocks", HOUR, 1)
        found |= _folds(rows // 5, BLOCK, "wide", 2 * DAY, 20)
        best |= {name: min(value, best.get(name, value)) for name, value in found.items()}
        gc.collect()
    return best


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also into this file")
    options = parser.parse_args()
    found = measure(options.rows, options.rounds)
    for name, value in found.items():
        print(f"{name:44} {value:8.2f}")
    if options.json:
        options.json.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
