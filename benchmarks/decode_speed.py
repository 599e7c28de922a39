"""How many rows a second the decoder reads, against a bare `orjson.loads` of the same messages in the same run.

    python benchmarks/decode_speed.py [--rows 50000] [--batch 5000] [--rounds 7]

Best of some rounds, one thread. `columns` is the decoder as the job uses it, `reference` its slow way alone.
"""

import argparse
import gzip
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from streams.formats.columns import Records
from streams.formats.decoder import Decoder
from streams.formats.reasons import Kind
from streams.formats.spec import default_mapping

SHARED = Path(__file__).parents[1].parent / "shared" / "data"
CLASSES = ("legit", "fraud", "review")
START_MS = 1_700_000_000_000


def flat_predictions(rows: int) -> list[bytes]:
    """Predictions of 290 bytes with epoch times and one score."""
    rng = random.Random(1)
    return [
        orjson.dumps({
            "prediction_id": f"{rng.getrandbits(96):024x}", "model": "fraud", "model_version": f"v{i % 2}",
            "predicted_class": CLASSES[i % 3], "score": 0.9, "event_time": START_MS // 1000 + i // 100,
            "segment": "eu", "pad": "x" * 120,
        })
        for i in range(rows)
    ]  # fmt: skip


def flat_labels(rows: int) -> list[bytes]:
    """Labels of 90 bytes."""
    rng = random.Random(1)
    return [
        orjson.dumps({
            "prediction_id": f"{rng.getrandbits(96):024x}", "label": CLASSES[i // 3 % 3],
            "event_time": START_MS // 1000 + i // 100,
        })
        for i in range(rows)
    ]  # fmt: skip


def real(name: str, kind: Kind, rows: int) -> list[bytes]:
    """Lines of a real log set, repeated to the number of rows; none where the set is absent."""
    path = SHARED / name / f"{kind}s.jsonl.gz"
    if not path.exists():
        return []
    with gzip.open(path) as file:
        lines = file.read().splitlines()
    return (lines * (rows // len(lines) + 1))[:rows]


def batches(values: list[bytes], size: int) -> list[Records]:
    """The messages as the sources hand them over."""
    return [
        Records("logs", 0, list(range(i, i + len(part))), part, timestamps=[START_MS] * len(part))
        for i in range(0, len(values), size)
        for part in [values[i : i + size]]
    ]


def best_s(run: Callable[[], object], rounds: int) -> float:
    """The shortest of some runs, in seconds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


@dataclass(frozen=True, slots=True)
class Speed:
    """Messages of one shape: rows/s of the decoder, of its slow way alone, and of a bare `orjson.loads`."""

    title: str
    message_bytes: int
    columns: float
    reference: float
    loads: float


def speed(title: str, kind: Kind, values: list[bytes], size: int, rounds: int) -> Speed:
    """Measure messages of one shape."""
    found = batches(values, size)
    fast, slow = Decoder(default_mapping(kind)), Decoder(default_mapping(kind), _reference_only=True)
    fast_s = best_s(lambda: [len(fast.decode(b, None)) for b in found], rounds)
    slow_s = best_s(lambda: [len(slow.decode(b, None)) for b in found[: max(1, len(found) // 5)]], 2)
    slow_rows = sum(len(b) for b in found[: max(1, len(found) // 5)])
    loads_s = best_s(lambda: [orjson.loads(v) for v in values], rounds)
    n = len(values)
    return Speed(title, sum(map(len, values)) // n, n / fast_s, slow_rows / slow_s, n / loads_s)


def speeds(rows: int, batch: int, rounds: int) -> Iterator[Speed]:
    """All shapes: flat ones, and those of the real log sets that are here."""
    yield speed("flat predictions", Kind.PREDICTION, flat_predictions(rows), batch, rounds)
    yield speed("flat labels", Kind.LABEL, flat_labels(rows), batch, rounds)
    for name in ("flights", "elec2", "insects", "nslkdd"):
        for kind in Kind:
            values = real(name, kind, rows)
            if values:
                yield speed(f"{name} {kind}s", kind, values, batch, rounds)


def measure(rows: int = 50_000, batch: int = 5_000, rounds: int = 7) -> dict[str, dict[str, float]]:
    """By shape: message bytes, rows/s of the three, and the share of `orjson.loads` that the decoder reaches."""
    return {
        s.title: {
            "message_bytes": s.message_bytes, "columns_per_s": round(s.columns), "reference_per_s": round(s.reference),
            "loads_per_s": round(s.loads), "columns_of_loads": round(s.columns / s.loads, 3),
        }
        for s in speeds(rows, batch, rounds)
    }  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--batch", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    print(f"{'rows/s':28} {'columns':>12} {'reference':>11} {'orjson.loads':>13} {'columns/':>9} {'ref./':>9}")
    for s in speeds(args.rows, args.batch, args.rounds):
        print(
            f"{s.title:22} {s.message_bytes:5} B {s.columns:11,.0f} {s.reference:11,.0f} {s.loads:13,.0f} "
            f"{s.columns / s.loads:9.2f} {s.reference / s.loads:9.2f}"
        )


if __name__ == "__main__":
    main()
