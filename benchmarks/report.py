"""The tables of docs/performance.md, from the results. Pure but for `update`; what was not measured is a dash.

python -m benchmarks.report        write the tables anew from the results that are there
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.part import errors
from benchmarks.results import COMMITTED, read

DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN = "<!-- from benchmarks/results by `make bench`; not to be edited -->"
END = "<!-- end of what `make bench` writes -->"
NONE = "-"

Parts = Mapping[str, Mapping[str, Any]]
"""The result files by part, as `results.read` gives them."""


class Target(NamedTuple):
    """What a number of the results must be; `factor` makes it one of the unit."""

    what: str
    path: tuple[str, ...]
    wanted: float
    unit: str = ""
    at_least: bool = False
    factor: float = 1


_ONE, _WAITING = ("throughput", "result", "one"), ("recovery", "result", "waiting")
_P99 = ("append_ms", "p99")

TARGETS = (
    Target("one process, events/s", (*_ONE, "events_per_s"), 200_000, at_least=True),
    Target("one process, CPU an event", (*_ONE, "cpu_us_per_event"), 4.0, " µs"),
    Target("events/s of the bare loop's", ("throughput", "result", "share"), 40, " %", at_least=True, factor=100),
    Target("label to row, p99 at 1,000 events/s", ("latency", "result", "1000", *_P99), 1250, " ms"),
    Target("label to row, p99 at 5,000 events/s", ("latency", "result", "5000", *_P99), 1250, " ms"),
    Target("idle, CPU of a core", ("idle", "result", "cpu_percent"), 3.0, " %"),
    Target("a held prediction without its label", ("held_tables", "result", "bytes_unlabelled"), 90, " bytes"),
    Target("a held prediction with its label", ("held_tables", "result", "bytes_labelled"), 160, " bytes"),
    Target("longest rebuild at 1 M rows", ("held_tables", "result", "growth_stall_ms"), 200, " ms"),
    Target("1 M held, from checkpoints, since assignment", (*_WAITING, "checkpoint", "from_assignment_s"), 3.0, " s"),
    Target("1 M held, from the log, since assignment", (*_WAITING, "log", "from_assignment_s"), 10.0, " s"),
    Target("1 M held, after kill -9, since the kill", (*_WAITING, "killed", "from_kill_s"), 10.0, " s"),
)
"""The targets of the design; the p99 is a tick and 250 ms."""

STARTS = {"checkpoint": "from checkpoints", "log": "from the log", "killed": "kill -9, from checkpoints"}


def update(parts: Parts, document: Path = DOCUMENT) -> None:
    """Write the tables into the document, between its markers."""
    document.write_text(with_tables(document.read_text(), parts))


def with_tables(text: str, parts: Parts) -> str:
    """A document with new tables between the markers. Raises ValueError when it has no markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the document has no markers to write the tables between")
    return f"{before}{BEGIN}\n\n{render(parts)}\n{END}{after}"


def render(parts: Parts) -> str:
    """All tables as Markdown."""
    sections = (
        machines,
        failures,
        targets,
        throughput,
        recovery,
        checkpoints,
        latency,
        idle,
        held_tables,
        decode_speed,
    )
    return "\n".join(filter(None, (section(parts) for section in sections)))


# ---------------------------------------------------------------------- sections


def machines(parts: Parts) -> str:
    """What the parts were measured on; one line for each machine and revision."""
    runs: dict[tuple[Any, ...], list[str]] = {}
    for name, part in parts.items():
        m = part["machine"]
        what = f"{m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB"
        versions = f"Python {m['python']}, Kafka {m['kafka']}, librdkafka {m['librdkafka']}"
        runs.setdefault((f"{what}; {versions}", m["date"], m["revision"], m["load"]), []).append(name)
    lines = []
    for (what, date, revision, load), names in runs.items():
        of = "" if len(runs) == 1 else f" ({', '.join(names)})"
        lines.append(f"Measured {date} on {what}; revision {revision}, load average {load} at the start{of}.\n")
    return "\n".join(lines) or "Not measured yet.\n"


def failures(parts: Parts) -> str:
    """What could not be measured, and why; nothing when all was."""
    lines = [f"- {name}: {error}\n" for name, part in parts.items() for error in errors(part["result"])]
    return "Not measured, because of a failure:\n\n" + "".join(lines) if lines else ""


def targets(parts: Parts) -> str:
    """What it must reach, and whether it did."""
    rows = []
    for target in TARGETS:
        found = get(parts, *target.path)
        value = None if found is None else found * target.factor
        met = NONE if value is None else "yes" if (value >= target.wanted) == target.at_least else "**no**"
        sign = "≥" if target.at_least else "≤"
        measured = NONE if value is None else number(value) + target.unit
        rows.append((target.what, f"{sign} {number(target.wanted)}{target.unit}", measured, met))
    return table("Targets", ("what", "target", "measured", "met"), rows)


def throughput(parts: Parts) -> str:
    """The job beside the bare loop and Faust."""
    rows = []
    for name, title in (
        ("bare", "bare loop: consume and `orjson.loads`"), ("one", "**the job, one process**"),
        ("two", "the job, two processes"), ("faust", "idiomatic Faust job"),
    ):  # fmt: skip
        bare, found = get(parts, "throughput", "result", "bare", "events_per_s"), ("throughput", "result", name)
        rate = get(parts, *found, "events_per_s")
        share = rate / bare if rate is not None and bare else None
        if name == "one":
            share = get(parts, "throughput", "result", "share")  # of the same round, not of medians
        rows.append((
            title, number(get(parts, *found, "events")) if name == "faust" else number(events_of(parts)), number(rate),
            number(get(parts, *found, "cpu_us_per_event")), number(get(parts, *found, "peak_mib")),
            NONE if share is None else f"{100 * share:.3g} %",
        ))  # fmt: skip
    shares = get(parts, "throughput", "result", "shares") or []
    said = ", ".join(f"{100 * share:.0f} %" for share in shares)
    broker = get(parts, "throughput", "result", "rounds", "0", "one", "broker_cpu_us_per_event")
    note = f"Share of the bare loop in each round: {said or NONE}. The broker itself: {number(broker)} µs an event.\n"
    heads = ("what", "events", "events/s", "CPU µs an event", "peak MiB", "of the bare loop")
    return table("Throughput", heads, rows) + "\n" + note


def recovery(parts: Parts) -> str:
    """How long a start takes."""
    rows = []
    for kind, title in (("waiting", "waiting for their labels"), ("labelled", "with their labels")):
        predictions = get(parts, "recovery", "result", kind, "predictions")
        for start, how in STARTS.items():
            found = ("recovery", "result", kind, start)
            rows.append((
                f"{number(predictions)} {title}", how, number(get(parts, *found, "from_assignment_s")),
                number(get(parts, *found, "from_start_s")), number(get(parts, *found, "from_kill_s")),
                number(get(parts, *found, "ledger_mib")), number(get(parts, *found, "peak_mib")),
            ))  # fmt: skip
    heads = ("held predictions", "start", "s since assignment", "s since start", "s since kill", "MiB of ledger read",
             "peak MiB")  # fmt: skip
    return table("Recovery", heads, rows)


def checkpoints(parts: Parts) -> str:
    """How large checkpoints are, and what writing one takes."""
    rows = []
    for kind, title in (("waiting", "waiting for their labels"), ("labelled", "with their labels")):
        found = ("recovery", "result", kind, "checkpoints")
        rows += [
            (
                title, stage, number(get(parts, *found, stage, "partitions")), number(get(parts, *found, stage, "mib")),
                number(get(parts, *found, "held_mib")) if stage == "join" else NONE,
                number(get(parts, *found, stage, "seconds_each")),
            )
            for stage in ("join", "judge")
        ]  # fmt: skip
    heads = ("held predictions", "stage", "checkpoints", "MiB, all", "MiB in memory", "s to write one")
    return table("Checkpoints", heads, rows)


def latency(parts: Parts) -> str:
    """From a label to the row that includes it."""
    rows = []
    result = get(parts, "latency", "result") or {}
    for rate in sorted((name for name in result if name.isdecimal()), key=int):
        found = ("latency", "result", rate)
        rows.append((
            number(int(rate)), number(get(parts, *found, "probes")),
            *(number(get(parts, *found, of, p)) for of in ("append_ms", "seen_ms") for p in ("p50", "p99", "max")),
            number(get(parts, *found, "cpu_percent")),
        ))  # fmt: skip
    heads = ("events/s", "probes", "p50 ms", "p99 ms", "max ms", "seen: p50", "p99", "max", "CPU % of a core")
    return table("Label to row", heads, rows)


def idle(parts: Parts) -> str:
    """A worker without traffic."""
    found = ("idle", "result")
    worker, broker = (number(get(parts, *found, name)) for name in ("cpu_percent", "broker_cpu_percent"))
    row = (worker, broker, number(get(parts, *found, "peak_mib")))
    return table("Idle", ("worker, % of a core", "broker, % of a core", "peak MiB"), [row])


def held_tables(parts: Parts) -> str:
    """Memory and speed of the fold alone; the last word of a name is its unit."""
    result = get(parts, "held_tables", "result") or {}
    rows = [
        (name.removesuffix(f"_{unit}").replace("_", " "), f"{number(value)} {sign}")
        for name, value in result.items()
        for unit, sign in (("us", "µs CPU"), ("ms", "ms"), ("bytes", "bytes"))
        if unit in name.split("_") and isinstance(value, int | float)
    ]
    return table("Held tables alone", ("what", "measured"), rows)


def decode_speed(parts: Parts) -> str:
    """The decoder alone."""
    result = get(parts, "decode_speed", "result") or {}
    rows = [
        (
            title, number(get(result, title, "message_bytes")), number(get(result, title, "columns_per_s")),
            number(get(result, title, "loads_per_s")), number(get(result, title, "columns_of_loads")),
        )
        for title in result if isinstance(result[title], dict)
    ]  # fmt: skip
    return table("Decoder alone", ("messages", "bytes", "rows/s", "`orjson.loads`/s", "ratio"), rows)


SECTIONS = (machines, failures, targets, throughput, recovery, checkpoints, latency, idle, held_tables, decode_speed)


# ---------------------------------------------------------------------- cells


def events_of(parts: Parts) -> int | None:
    """How many events the throughput was measured on."""
    pairs = get(parts, "throughput", "size", "predictions")
    return None if pairs is None else 2 * pairs


def get(tree: Any, *path: str) -> Any:
    """A value deep in a result; None when anything on the way is missing or failed."""
    for name in path:
        if not isinstance(tree, Mapping) or name not in tree:
            return None
        tree = tree[name]
    return tree


def number(value: Any) -> str:
    """A number as people read it, a list as its parts; a dash for none.

    >>> number(123456.7), number(12.345), number(0.0123), number([1, 2]), number(None)
    ('123,457', '12.3', '0.0123', '1 + 2', '-')
    """
    if isinstance(value, list):
        return " + ".join(map(number, value))
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table under its title; a sentence when it has no rows."""
    if not rows:
        return f"### {title}\n\nNot measured.\n"
    lines = [heads, ["---"] * len(heads), *rows]
    return f"### {title}\n\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    update(read(COMMITTED))
