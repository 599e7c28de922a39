"""How far off are numbers said before the labels are there? A seeded simulation of `streams.quality.maturing`.

python -m benchmarks.nowcast [--quick]     prints the tables of docs/nowcast.md as Markdown

Windows are drawn from a table of true class, predicted class and confidence, whose recalls wobble from window to
window; their labels come by the delays of a scheme. The real `Maturing` looks at every age and learns from every
window that matures eight windows later. Points are hundredths of balanced accuracy.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from math import fsum, sqrt
from typing import NamedTuple

import numpy as np

from benchmarks.label_arrivals import HOUR_MS, SCHEMES, Scheme, Shift, World, drawn, window
from streams.quality.counts.counted import Counted
from streams.quality.maturing.outlook import AGES_MS, Outlook
from streams.quality.maturing.series import Maturing

LAG = 8
WARM_UP = 80
SEED = 20_260_101
LOOKED_AT = {HOUR_MS: "1 h", 6 * HOUR_MS: "6 h", 24 * HOUR_MS: "1 d"}


def balanced_accuracy(counts: Counted) -> float | None:
    """Mean recall of the classes with support; None when nothing is labelled."""
    there = counts.support > 0
    return float((counts.hits[there] / counts.support[there]).mean()) if there.any() else None


# ---------------------------------------------------------------------- what is measured


class Seen(NamedTuple):
    """A look at a window, and what the truth was."""

    age_ms: int
    outlook: Outlook
    naive: float | None
    final: float
    complete: float


def looks(
    seed: int, world: World, scheme: Scheme, windows: int, later: World | None = None, *, scores: bool = True
) -> Iterator[Seen]:
    """Every look after the warm-up, from the real state; from then on windows are of the `later` world."""
    rng = np.random.default_rng(seed)
    maturing = Maturing()
    waiting: list[tuple[int, Counted]] = []
    for i in range(WARM_UP + windows):
        drawn_now = window(rng, later if later is not None and i >= WARM_UP else world, scheme, scores=scores)
        final, complete = balanced_accuracy(drawn_now.final), balanced_accuracy(drawn_now.complete)
        for age_ms, counts in zip(AGES_MS, drawn_now.at_age, strict=True):
            outlook = maturing.look(i, age_ms, counts)
            if i >= WARM_UP and final is not None and complete is not None:
                yield Seen(age_ms, outlook, balanced_accuracy(counts), final, complete)
        waiting.append((i, drawn_now.final))
        # nothing of the later world matures: its windows are judged by the first one
        if len(waiting) > LAG and (later is None or i < WARM_UP + LAG):
            maturing.mature(*waiting.pop(0))


def points(errors: Sequence[float]) -> str:
    """Mean of errors in points, signed; a dash without any."""
    return f"{100 * fsum(errors) / len(errors):+.2f}" if errors else "-"


def rms(errors: Sequence[float]) -> str:
    """Root mean square of errors in points; a dash without any."""
    return f"{100 * sqrt(fsum(e * e for e in errors) / len(errors)):.2f}" if errors else "-"


def share(flags: Sequence[bool]) -> str:
    """How many are true, in per cent; a dash without any."""
    return f"{100 * sum(flags) / len(flags):.1f}" if flags else "-"


def nowcast_row(name: str, scheme: str, age: str, seen: list[Seen]) -> str:
    """How far the naive number and the nowcast are from the final and the complete one."""
    said = [(s, s.outlook) for s in seen if s.outlook.balanced_accuracy_nowcast is not None]
    now = [float(o.balanced_accuracy_nowcast or 0.0) for _, o in said]
    inside = [
        (o.balanced_accuracy_nowcast_lower or 0.0) <= s.final <= (o.balanced_accuracy_nowcast_upper or 0.0)
        for s, o in said
    ]
    naive = [(s, s.naive) for s in seen if s.naive is not None]
    models = Counter(o.coverage_model for _, o in said).most_common(2)
    return line(
        name,
        scheme,
        age,
        points([n - s.final for s, n in naive]),
        points([n - s.final for n, (s, _) in zip(now, said, strict=True)]),
        rms([n - s.final for s, n in naive]),
        rms([n - s.final for n, (s, _) in zip(now, said, strict=True)]),
        points([n - s.complete for n, (s, _) in zip(now, said, strict=True)]),
        share(inside),
        share([s.outlook.balanced_accuracy_nowcast is not None for s in seen]),
        share([bool(s.outlook.coverage_biased) for s in seen]),
        share([bool(s.outlook.coverage_drift) for s in seen]),
        ", ".join(str(model) for model, _ in models),
    )


def estimate_row(world: str, shift: str, scores: bool, seen: list[Seen]) -> str:
    """How far the estimate without labels is from the final number."""
    errors = [
        s.outlook.balanced_accuracy_estimated - s.final
        for s in seen
        if s.outlook.balanced_accuracy_estimated is not None
    ]
    mean_absolute = f"{100 * fsum(map(abs, errors)) / len(errors):.2f}" if errors else "-"
    moved = fsum(s.final for s in seen) / len(seen)
    return line(world, shift, "yes" if scores else "no", f"{moved:.3f}", mean_absolute, points(errors))


def line(*cells: str) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def heads(*names: str) -> str:
    """The head of a Markdown table."""
    return f"{line(*names)}\n{line(*['---'] * len(names))}"


PROBLEMS = (
    ("K=2, n=1000", (0.85, 0.15), 1.4, 1000),
    ("K=3, n=300", (0.6, 0.3, 0.1), 1.8, 300),
    ("K=3, n=2000", (0.6, 0.3, 0.1), 1.8, 2000),
    ("K=10, n=5000", tuple(np.linspace(2, 18, 10) / 100), 2.6, 5000),
)

SHIFTS = (
    Shift("none"),
    Shift("label"),
    Shift("covariate", hardness=2.0),
    Shift("concept", turned=0.1),
)


def nowcasts(windows: int, draws: int) -> Iterator[str]:
    """The table of nowcasts."""
    yield heads(
        "world", "labels come", "age", "naive bias", "nowcast bias", "naive RMSE", "nowcast RMSE", "nowcast - complete",
        "interval holds final, %", "said, %", "biased, %", "drift, %", "models",
    )  # fmt: skip
    for number, (name, prior, distance, n) in enumerate(PROBLEMS):
        table = drawn(np.random.default_rng(SEED + number), prior, distance, SHIFTS[0], draws)
        for of, scheme in enumerate(SCHEMES):
            seen = list(looks(SEED + 100 * number + of, World(name, table, n), scheme, windows))
            for age_ms, age in LOOKED_AT.items():
                yield nowcast_row(name, scheme.name, age, [s for s in seen if s.age_ms == age_ms])


def estimates(windows: int, draws: int) -> Iterator[str]:
    """The table of estimates without labels."""
    yield heads("world", "shift", "scores", "balanced accuracy", "mean absolute error", "bias")
    for number, (name, prior, distance, n) in enumerate(PROBLEMS):
        worlds = []
        for of, shift in enumerate(SHIFTS):
            moved = shift._replace(prior=prior[::-1]) if shift.name == "label" else shift
            rng = np.random.default_rng(SEED + 10 * number + of)
            worlds.append(World(name, drawn(rng, prior, distance, moved, draws), n))
        for scores in (True, False):
            for shift, later in zip(SHIFTS, worlds, strict=True):
                found = looks(SEED + number, worlds[0], SCHEMES[0], windows, later, scores=scores)
                yield estimate_row(name, shift.name, scores, [s for s in found if s.age_ms == 0])


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few windows, to see that it works")
    windows, draws = (20, 20_000) if parser.parse_args().quick else (400, 1_000_000)
    for table in (nowcasts, estimates):
        for text in table(windows, draws):
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
        sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
