"""How many rows a second the decoder reads, against a bare `orjson.loads` of the same messages in the same run.

    python benchmarks/decode_speed.py [--rows 50000] [--batch 5000] [--rounds 7]

Best of some rounds, one thread. `columns` is the decoder as the job uses it, `reference` its slow way alone.
"""

import argparse
import gzip
import random
import time
from collections.abc import Callable
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


def measure(title: str, kind: Kind, values: list[bytes], size: int, rounds: int) -> None:
    """One line of the table."""
    if not values:
        print(f"{title:22} absent")
        return
    found = batches(values, size)
    fast, slow = Decoder(default_mapping(kind)), Decoder(default_mapping(kind), _reference_only=True)
    fast_s = best_s(lambda: [len(fast.decode(b, None)) for b in found], rounds)
    slow_s = best_s(lambda: [len(slow.decode(b, None)) for b in found[: max(1, len(found) // 5)]], 2)
    slow_rows = sum(len(b) for b in found[: max(1, len(found) // 5)])
    loads_s = best_s(lambda: [orjson.loads(v) for v in values], rounds)
    n = len(values)
    print(
        f"{title:22} {sum(map(len, values)) // n:5} B {n / fast_s:11,.0f} {slow_rows / slow_s:11,.0f} "
        f"{n / loads_s:13,.0f} {loads_s / fast_s:9.2f} {loads_s / n / (slow_s / slow_rows):9.2f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--batch", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    print(f"{'rows/s':28} {'columns':>12} {'reference':>11} {'orjson.loads':>13} {'columns/':>9} {'ref./':>9}")
    measure("flat predictions", Kind.PREDICTION, flat_predictions(args.rows), args.batch, args.rounds)
    measure("flat labels", Kind.LABEL, flat_labels(args.rows), args.batch, args.rounds)
    for name in ("flights", "elec2", "insects", "nslkdd"):
        for kind in Kind:
            measure(f"{name} {kind}s", kind, real(name, kind, args.rows), args.batch, args.rounds)


if __name__ == "__main__":
    main()
