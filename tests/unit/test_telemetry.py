import re
from pathlib import Path

import pytest

from streams.runtime.quality_series import SERIES
from streams.runtime.telemetry import METRICS, Count, Level, Metric, Spread, Telemetry

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
KINDS = {Count: "counter", Level: "gauge", Spread: "histogram"}


def documented(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
    return f"| `{metric.name}` | {KINDS[type(metric.name)]} | {labels} | {metric.meaning} |"


def test_the_documentation_lists_exactly_the_metrics_there_are() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `quality_")]
    assert rows[: len(METRICS)] == [documented(metric) for metric in METRICS]
    assert len(rows) == len(METRICS) + len(SERIES)  # the rest is compared in test_quality_metrics


def test_every_name_has_one_metric() -> None:
    assert [metric.name for metric in METRICS] == [*Count, *Level, *Spread]


def test_names_follow_the_rules_of_their_type() -> None:
    for metric in METRICS:
        assert re.fullmatch(r"quality_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == isinstance(metric.name, Count)
        if isinstance(metric.name, Spread):
            assert metric.name.endswith("_seconds")
            assert list(metric.buckets) == sorted(set(metric.buckets))


def test_every_label_is_documented() -> None:
    labels = {label for metric in METRICS for label in metric.labels} | {
        label for series in SERIES for label in series.labels
    }
    section = PAGE.partition("## Labels")[2].partition("## Probes")[0]
    first_cells = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    assert labels == set(re.findall(r"`(\w+)`", " ".join(first_cells)))


def sample_of(metric: Metric) -> dict[str, str]:
    return dict.fromkeys(metric.labels, "7")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_what_is_recorded_is_on_the_page(metric: Metric) -> None:
    telemetry = Telemetry()
    labels = sample_of(metric)
    written = ",".join(f'{name}="7"' for name in sorted(labels))
    if isinstance(metric.name, Count):
        telemetry.count(metric.name, 3, **labels)
        telemetry.count(metric.name, 1, **labels)
        value = 4.0
    elif isinstance(metric.name, Level):
        telemetry.set(metric.name, 3, **labels)
        telemetry.set(metric.name, 2.5, **labels)
        value = 2.5
    else:
        telemetry.observe(metric.name, 0.3, **labels)
        telemetry.observe(metric.name, 0.2, **labels)
        value = 0.5
    name = f"{metric.name}_sum" if isinstance(metric.name, Spread) else metric.name
    assert (
        f"{name}{{{written}}} {value}" in telemetry.page().decode() or f"\n{name} {value}" in telemetry.page().decode()
    )


def test_there_is_no_series_before_a_value_is_known() -> None:
    page = Telemetry().page().decode()
    values = [line for line in page.splitlines() if not line.startswith("#")]
    assert [line for line in values if not line.startswith("quality_tick_")] == []


def test_a_label_that_the_metric_does_not_have_is_a_bug() -> None:
    with pytest.raises(ValueError, match=r"[Ll]abel"):
        Telemetry().count(Count.REJECTED, cause="x")
    with pytest.raises(ValueError, match=r"[Ll]abel"):
        Telemetry().count(Count.REJECTED)


def test_series_of_a_partition_that_moved_away_are_dropped() -> None:
    telemetry = Telemetry()
    for partition in (1, 11):
        telemetry.set(Level.HELD_ROWS, 5, partition=partition, table="labels")
        telemetry.set(Level.WATERMARK_LAG, 5, partition=partition)
        telemetry.count(Count.FLUSHES, partition=partition)
    telemetry.drop_partition(1)
    page = telemetry.page().decode()
    assert 'quality_join_held_rows{partition="1",' not in page
    assert 'quality_watermark_lag_seconds{partition="1"}' not in page
    assert 'quality_join_held_rows{partition="11",table="labels"} 5.0' in page
    assert 'quality_flushes_total{partition="1"} 1.0' in page  # a counter may stop, but never fall


def test_only_named_levels_are_dropped_with_a_partition() -> None:
    telemetry = Telemetry()
    telemetry.set(Level.WATERMARK_LAG, 5, partition=1)
    telemetry.set(Level.HELD_BYTES, 5, partition=1)
    telemetry.drop_partition(1, [Level.HELD_BYTES])
    page = telemetry.page().decode()
    assert "quality_watermark_lag_seconds{" in page
    assert "quality_join_held_bytes{" not in page


def test_one_series_is_dropped_by_its_labels() -> None:
    telemetry = Telemetry()
    for version in ("1", "2"):
        telemetry.set(Level.SOURCE_LAG, 0.5, topic="m", partition=version)
    telemetry.drop(Level.SOURCE_LAG, topic="m", partition="1")
    page = telemetry.page().decode()
    assert 'partition="1"' not in page
    assert 'partition="2"' in page


def test_a_level_without_labels_is_shown_from_its_first_value_until_it_is_dropped() -> None:
    telemetry = Telemetry()
    assert "quality_join_held_limit_bytes" not in telemetry.page().decode()
    telemetry.drop(Level.HELD_LIMIT)
    for value in (7, 8):
        telemetry.set(Level.HELD_LIMIT, value)
    assert "\nquality_join_held_limit_bytes 8.0\n" in telemetry.page().decode()
    telemetry.drop(Level.HELD_LIMIT)
    assert "quality_join_held_limit_bytes" not in telemetry.page().decode()


def test_two_workers_in_one_process_do_not_share_numbers() -> None:
    first, second = Telemetry(), Telemetry()
    first.count(Count.EVENTS, kind="label")
    assert b'kind="label"' not in second.page()


def test_process_numbers_are_there_on_request() -> None:
    assert b"process_cpu_seconds_total" in Telemetry(process=True).page()
    assert b"process_" not in Telemetry().page()
