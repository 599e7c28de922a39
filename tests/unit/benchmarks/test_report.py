"""The tables of docs/performance.md are those of the committed results, and say what is missing or missed."""

from typing import Any

import pytest

from benchmarks.broker import NotDoneError
from benchmarks.job import PROGRESS_BYTES, Look, summary
from benchmarks.latency import latencies
from benchmarks.part import EXPECTED, tried
from benchmarks.report import BEGIN, DOCUMENT, END, TARGETS, get, render, targets, with_tables
from benchmarks.results import COMMITTED, read

MACHINE = {
    "date": "2026-01-02", "revision": "abc", "cpu": "CPU", "cores": 2, "memory_gib": 8, "load": 0.1,
    "python": "3.11", "kafka": "4.1", "librdkafka": "2.16",
}  # fmt: skip


def part(result: dict[str, Any]) -> dict[str, Any]:
    return {"part": "any", "machine": MACHINE, "size": {"predictions": 1000}, "result": result}


def test_the_document_has_the_tables_of_the_committed_results() -> None:
    text = DOCUMENT.read_text()
    assert with_tables(text, read(COMMITTED)) == text, "python -m benchmarks.report writes them anew"


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="no markers"):
        with_tables("no place for tables", {})


def test_what_is_around_the_tables_stays() -> None:
    text = with_tables(f"before\n{BEGIN}\nold\n{END}\nafter\n", {})
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text


def test_nothing_measured_is_dashes_and_no_error() -> None:
    text = render({})
    assert "Not measured yet" in text
    assert "| one process, events/s | ≥ 200,000 | - | - |" in text


def test_a_part_that_failed_is_dashes_and_said() -> None:
    parts = {"throughput": part({"error": "the broker was gone"}), "idle": part({"cpu_percent": 1.0})}
    assert "| idle, CPU of a core | ≤ 3 % | 1 % | yes |" in targets(parts)
    assert "| one process, events/s | ≥ 200,000 | - | - |" in targets(parts)
    assert "- throughput: the broker was gone\n" in render(parts)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.what)
def test_a_target_is_met_at_its_value_and_missed_beyond_it(target: Any) -> None:
    def met(value: float) -> bool:
        result: Any = value
        for name in reversed(target.path[2:]):
            result = {name: result}
        line = next(line for line in targets({target.path[0]: part(result)}).splitlines() if target.what in line)
        return line.endswith("| yes |")

    wanted = target.wanted / target.factor
    assert met(wanted) or not target.at_least
    assert met(wanted * 0.9) != target.at_least
    assert met(wanted * 1.1) == target.at_least


def test_a_value_is_found_or_none() -> None:
    assert get({"a": {"b": 1}}, "a", "b") == 1
    assert get({"a": {"error": "x"}}, "a", "b", "c") is None


def test_only_expected_failures_are_results() -> None:
    def fails(error: Exception) -> dict[str, Any]:
        raise error

    assert tried(fails, NotDoneError("not in 3 s: all\nmore")) == {"error": "not in 3 s: all"}
    assert NotDoneError in EXPECTED
    with pytest.raises(ZeroDivisionError):
        tried(fails, ZeroDivisionError())


def test_the_rate_is_between_the_first_look_at_which_all_worked_and_the_last_that_folded_rows() -> None:
    def look(at_s: float, events: tuple[float, float], ledger: float, cpu: float) -> Look:
        return Look(at_s, events, ledger, (cpu, cpu), 0.0)

    many, few = 10 * PROGRESS_BYTES, PROGRESS_BYTES // 2
    looks = [
        look(0.0, (0, 0), 0, 1.0), look(1.0, (100, 0), many, 1.5), look(2.0, (200, 100), 2 * many, 2.0),
        look(3.0, (500, 500), 3 * many, 3.0), look(4.0, (500, 500), 4 * many, 4.0),
        look(5.0, (500, 500), 4 * many + few, 4.5),
    ]  # fmt: skip
    found = summary(looks, 1000)
    assert (found["events"], found["took_s"], found["events_per_s"]) == (700, 2.0, 350)
    assert found["cpu_us_per_event"] == pytest.approx(1e6 * 4.0 / 700, abs=0.001)


def test_a_latency_is_of_the_first_row_and_a_probe_without_one_is_a_failure() -> None:
    labelled = {"probe-0": 1_000, "probe-1": 10_000, "probe-2": 10_500}
    rows = {"probe-0": (9_000, 9_100), "probe-1": (10_400, 10_450), "probe-2": (11_500, 11_600)}
    found = latencies(labelled, rows)
    assert found["probes"] == 2  # the first one is of the warm-up
    assert found["append_ms"] == {"p50": 1_000, "p99": 1_000, "max": 1_000}
    assert found["seen_ms"]["max"] == 1_100
    with pytest.raises(NotDoneError, match="1 of 3 probes"):
        latencies(labelled, {name: row for name, row in rows.items() if name != "probe-2"})
