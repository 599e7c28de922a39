"""What a window costs that settles, by number of classes, and how large the state of a group is for each hour.

    python -m benchmarks.window_close

One model version, windows of an hour, segment `all`: predictions of K classes, 90 % right, with scores and delays, go
through intake's blocks, the join and the judge. Timed is a round in which a window settles and nothing else happens
(the last two in turn), CPU: detectors, every measure, all class rows, calibration, delays. Rows are built, not encoded.
"""

import argparse
from statistics import median
from time import process_time

import msgspec
import numpy as np

from benchmarks.part import Result
from streams.formats.columns import Decoded, Group
from streams.formats.reasons import Kind
from streams.ledger.blocks import Advance, encode
from streams.ledger.intake import Intake
from streams.ledger.join import Join
from streams.ledger.position import SourceId
from streams.ledger.spec import HOUR, LedgerSpec, Timing
from streams.quality.judge import Judge
from streams.quality.spec import QualitySpec, parse_window

BEGIN_MS = 1_700_000_000_000 // HOUR * HOUR
TIMING = Timing(horizon_ms=240 * HOUR, slack_ms=HOUR, settle_ms=2 * HOUR)
WINDOWS = 26
"""Some more than detectors need for a reference."""

_SOURCES = SourceId("predictions", 0, "a"), SourceId("labels", 0, "a")


class World:
    """A job of one partition and one judge over windows of an hour."""

    def __init__(self, classes: int, a_window: int) -> None:
        self.names = [f"class {i:04d}" for i in range(classes)]
        self.n = a_window
        self.rng = np.random.default_rng(classes)
        spec = LedgerSpec(partitions=1, tallies_partitions=1, timing=TIMING, max_disorder_ms=0, label_disorder_ms=0)
        self.intake, self.join = Intake(spec, "bench"), Join(spec, 0)
        self.judge = Judge(QualitySpec((parse_window("1h"),), timing=TIMING, ledger_partitions=1), 0)
        self.log = self.tallies = 0
        for source, kind in zip(_SOURCES, Kind, strict=True):
            self.intake.assign(source, kind, 0, 0)

    def hour(self, number: int) -> float:
        """One hour of predictions and their labels, and the round behind it; CPU seconds of the judge."""
        start, n = BEGIN_MS + number * HOUR, self.n
        time = np.sort(self.rng.integers(start, start + HOUR, n))
        predicted = self.rng.integers(0, len(self.names), n).astype(np.uint16)
        wrong = self.rng.random(n) < 0.1
        true = np.where(wrong, (predicted + self.rng.integers(1, 10, n)) % len(self.names), predicted).astype(np.uint16)
        confidence = self.rng.integers(30_000, 60_000, n).astype(np.uint16)
        known = time + self.rng.integers(0, HOUR // 2, n)
        keys = [f"{number}-{i}".encode() for i in range(n)]
        offset = np.arange(number * n, (number + 1) * n)
        predictions = Decoded(
            Kind.PREDICTION, keys, offset, time, time, predicted, self.names, np.zeros(n, np.uint32),
            [Group("m", "1", ())], confidence,
        )  # fmt: skip
        labels = Decoded(
            Kind.LABEL, keys, offset, known, known, true, self.names, rank=np.zeros(n, np.uint8),
            label_source=np.zeros(n, np.uint16), label_sources=["team"],
        )  # fmt: skip
        for of, rows in zip(_SOURCES, (predictions, labels), strict=True):
            self._append(self.intake.blocks(of, rows, [], (number + 1) * n, None))
        return self._round()

    def move(self, to_ms: int) -> float:
        """Time moves and nothing else; CPU seconds of the judge's round behind it."""
        ends = {str(source): self.intake.end(source) for source in _SOURCES}
        self._append([(0, encode(Advance(str(to_ms), to_ms, ends)))])
        return self._round()

    def _round(self) -> float:
        self._append(self.intake.progress(list(_SOURCES)))
        began_s = process_time()
        for _, chunk in self.join.flush("bench"):
            self.judge.apply(self.tallies, chunk)
            self.tallies += 1
        return process_time() - began_s

    def _append(self, sends: list[tuple[int, bytes]]) -> None:
        for _, record in sends:
            self.join.apply(self.log, record)
            self.log += 1


def measure(classes: int, a_window: int) -> Result:
    """Milliseconds of a round that settles a window, and bytes of the state for each hour and group."""
    world = World(classes, a_window)
    for number in range(WINDOWS):
        world.hour(number)
    # The last two windows have not settled yet: now each does in a round of its own, in which nothing else happens.
    ends = [BEGIN_MS + number * HOUR + TIMING.settle_ms for number in (WINDOWS - 1, WINDOWS)]
    rounds = [world.move(end) for end in ends]
    state = world.judge.dump()
    return {
        "classes": classes,
        "predictions": a_window,
        "close_ms": round(1000 * median(rounds), 1),
        "join_kb_an_hour": round(world.join.counts.nbytes / WINDOWS / 1000, 1),
        "judge_kb_an_hour": round(len(msgspec.msgpack.encode(state["shares"])) / WINDOWS / 1000, 1),
        "judge_rest_kb": round(
            len(msgspec.msgpack.encode({k: v for k, v in state.items() if k != "shares"})) / 1000, 1
        ),
    }


def main() -> None:
    """The table."""
    argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0]).parse_args()
    for classes, a_window in ((3, 2_000), (10, 5_000), (100, 10_000), (1_000, 20_000)):
        print(measure(classes, a_window))


if __name__ == "__main__":
    main()
