"""How much of everything a run of the benchmarks does: the full run of the tables, and a quick one for use by hand."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Predictions (and as many labels), rounds, rates in events/s, and lengths in seconds."""

    predictions: int = 1_000_000
    rounds: int = 3
    faust_predictions: int = 20_000
    rates: tuple[int, ...] = (100, 1_000, 5_000, 20_000)
    latency_s: int = 30
    idle_s: int = 30
    decode_rows: int = 50_000
    decode_rounds: int = 5
    held_rows: int = 1_000_000
    held_rounds: int = 2


FULL = Sizes()
QUICK = Sizes(
    predictions=200_000, rounds=1, faust_predictions=2_000, rates=(100, 5_000), latency_s=8, idle_s=5,
    decode_rows=5_000, decode_rounds=2, held_rows=500_000, held_rounds=1,
)  # fmt: skip
