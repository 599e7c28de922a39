"""What a scenario ended with, as a row of the table in docs/reliability.md."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """One run: how long it took, what was done, what was counted, how quickly the job was itself again.

    `lost` and `doubled` are predictions and labels in final rows against a recount; `recoveries_s` from a fault to
    rows that contain all that was there at it, by kind of fault; `pauses_s` the longest silence of each partition that
    stayed where it was, by kind of fault and stage. `peak_mib` is the largest resident memory of any worker.
    """

    scenario: str
    seed: int
    took_s: float = 0.0
    workers: int = 0  # processes, all in all
    faults: dict[str, int] = field(default_factory=dict)
    events: int = 0
    lost: int = 0
    doubled: int = 0
    audits: int = 0
    unbalanced: int = 0
    peak_mib: float = 0.0
    recoveries_s: dict[str, list[float]] = field(default_factory=dict)
    pauses_s: dict[str, list[float]] = field(default_factory=dict)
    error: str = ""

    @property
    def command(self) -> str:
        """What repeats it."""
        return f"python -m tests.chaos {self.scenario} --seed {self.seed}"

    def fields(self) -> list[str]:
        """The cells of its row."""
        faults = ", ".join(f"{count} {what}" for what, count in self.faults.items())
        return [
            self.scenario, str(self.seed), f"{self.took_s:.0f}", faults or "-", f"{self.events:,}", str(self.lost),
            str(self.doubled), f"{self.audits - self.unbalanced:,} of {self.audits:,}",
            "; ".join(f"{what}: {median_and_most(s)}" for what, s in self.recoveries_s.items()) or "-",
            f"{self.peak_mib:.0f}", self.error or "exact",
        ]  # fmt: skip


HEADER = (
    "scenario", "seed", "took, s", "what was done", "events", "lost", "counted twice", "balanced audits",
    "recovery p50 / max, s", "peak memory, MiB", "result",
)  # fmt: skip


def median_and_most(values: Sequence[float]) -> str:
    """The median and the greatest of some seconds; a dash without any."""
    if not values:
        return "-"
    ordered = sorted(values)
    return f"{ordered[len(ordered) // 2]:.1f} / {ordered[-1]:.1f} of {len(ordered)}"


def pauses(outcomes: Sequence[Outcome]) -> str:
    """The silences of all runs in Markdown, by kind of fault and stage."""
    found: dict[str, list[float]] = {}
    for outcome in outcomes:
        for what, seconds in outcome.pauses_s.items():
            found.setdefault(what, []).extend(seconds)
    rows = [["fault: partitions of", "longest silence p50 / max, s", "below 1 s"], ["---"] * 3]
    rows += [
        [what, median_and_most(seconds), f"{sum(s < 1 for s in seconds)} of {len(seconds)}"]
        for what, seconds in sorted(found.items())
    ]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def table(outcomes: Sequence[Outcome]) -> str:
    """The rows in Markdown."""
    rows = [HEADER, ["---"] * len(HEADER), *(outcome.fields() for outcome in outcomes)]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)
