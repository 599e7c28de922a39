"""What /metrics says of the quality of models, from rows as the judge writes them."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from streams.alerts.instance import Change as Kind
from streams.alerts.instance import Instance, Phase, Transition, fingerprint, labels_of
from streams.alerts.rows import Context, alert_row, mute_row, pulse_row
from streams.alerts.rules.model import Mute, Severity, Weekly
from streams.alerts.watching.standing import Standing, TierBurn
from streams.ledger.times import rfc3339
from streams.quality.rows import OutputRow
from streams.quality.spec import QualitySpec, parse_window
from streams.runtime.quality_memory import QualityMemory
from streams.runtime.quality_metrics import DELAY_BUCKETS_S, QualityMetrics
from streams.runtime.quality_outcomes import Change, Seen, SettledCounts
from streams.runtime.quality_series import BY_NAME, SERIES, Name
from streams.runtime.telemetry import METRICS, Telemetry
from tests.support.judged import SPECS, judge_all, newest, random_histories, records

HOUR = 3_600_000
DAY = 24 * HOUR
SPEC = QualitySpec((parse_window("1h"), parse_window("24h")))
SETTLE = SPEC.timing.settle_ms
T0 = 20_000 * DAY


def shown(metrics: QualityMetrics) -> dict[str, float]:
    """Every series on the page, by its text."""
    telemetry = Telemetry()
    telemetry.registry.register(metrics)
    lines = telemetry.page().decode().splitlines()
    pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name: float(value) for name, _, value in pairs if not name.startswith("quality_tick_")}


def of(name: str, metrics: QualityMetrics) -> dict[str, float]:
    """The series of one name, by the text of their labels."""
    return {
        text.partition("{")[2].rstrip("}"): value
        for text, value in shown(metrics).items()
        if text.partition("{")[0] == name
    }


class Rows:
    """Rows of one model, as a judge would write them: each `round` is a revision with a watermark."""

    def __init__(self, metrics: QualityMetrics, partition: int = 0) -> None:
        self.metrics, self.partition = metrics, partition
        self.revision, self.watermark = 0, T0 - DAY

    def round(self, watermark: int | None = None) -> "Rows":
        self.revision += 1
        self.watermark = self.watermark if watermark is None else watermark
        self.take(self.place("quality.window.v1", 0, "all", "-") | {"view": "label_time"})
        return self

    def place(self, schema: str, hour: int, window: str, version: str, **more: Any) -> dict[str, Any]:
        size = HOUR if window == "1h" else DAY
        return {
            "schema": schema,
            "model": "m",
            "model_version": version,
            "segment": "all",
            "window": window,
            "view": "prediction_time",
            "window_start": rfc3339(T0 + hour * HOUR),
            "window_end": rfc3339(T0 + hour * HOUR + size),
            "status": "settled",
            "revision": self.revision,
            "watermark": rfc3339(self.watermark),
            **more,
        }

    def take(self, row: dict[str, Any]) -> None:
        self.metrics.take("any", row, self.partition)

    def window(self, hour: int, version: str = "1", window: str = "1h", **more: Any) -> None:
        row = self.place("quality.window.v1", hour, window, version)
        accuracy = {"balanced_accuracy": 0.8, "balanced_accuracy_lower": 0.7, "balanced_accuracy_upper": 0.9}
        self.take(row | {"predictions": 10, "coverage": 0.5} | accuracy | more)

    def cls(self, hour: int, name: str, counts: tuple[int, int, int], version: str = "1", **more: Any) -> None:
        tp, fn, fp = counts
        support, predicted = tp + fn, tp + fp
        measures: dict[str, Any] = {"class": name, "tp": tp, "fn": fn, "fp": fp, "support": support}
        for measure, n in (("recall", support), ("precision", predicted)):
            value = tp / n if n else None
            measures |= {measure: value, f"{measure}_lower": value, f"{measure}_upper": value}
        self.take(self.place("quality.class.v1", hour, "1h", version) | measures | more)

    def delay(self, hour: int, count: int, upper_s: float | None, **more: Any) -> None:
        row = self.place("quality.delay.v1", hour, "1h", "1")
        self.take(row | {"class": None, "delay_from_s": 0.0, "delay_to_s": upper_s, "count": count} | more)


def settled_at(hour: int) -> int:
    """The watermark at which the hour settles."""
    return T0 + (hour + 1) * HOUR + SETTLE


@pytest.fixture
def metrics() -> QualityMetrics:
    return QualityMetrics(SPEC, None)


def test_the_list_of_series_and_the_documentation_are_the_same() -> None:
    page = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `quality_")]
    expected = [
        f"| `{s.name}` | {s.kind} | {', '.join(f'`{label}`' for label in s.labels) or '-'} | {s.meaning} |"
        for s in SERIES
    ]
    assert rows[len(METRICS) :] == expected
    assert [s.name for s in SERIES] == [*Name]
    assert not {m.name.value for m in METRICS} & {s.name.value for s in SERIES}


def test_names_end_in_their_unit() -> None:
    units = ("_ratio", "_seconds", "_events", "_rate", "_threshold", "_total")
    bare = {Name.ALERT_PHASE, Name.ALERT_MUTED, Name.ALERT_INHIBITED, Name.ALERT_NO_DATA, Name.CANARY_VERDICT}
    for series in SERIES:
        assert re.fullmatch(r"quality_[a-z_]+", series.name)
        assert series.name.endswith("_total") == (series.kind == "counter")
        assert series.name.endswith(units) or series.name in bare


def test_there_is_no_series_before_anything_is_known(metrics: QualityMetrics) -> None:
    assert shown(metrics) == {}


def test_a_settled_window_is_shown_with_its_classes(metrics: QualityMetrics) -> None:
    rows = Rows(metrics).round().round(settled_at(0))
    rows.window(0)
    rows.cls(0, "spam", (3, 1, 0))
    found = shown(metrics)
    place = 'model="m",version="1",window="1h"'
    cls = 'class="spam",model="m",version="1",window="1h"'
    assert found[f"quality_balanced_accuracy_ratio{{{place}}}"] == 0.8
    assert found[f"quality_balanced_accuracy_lower_ratio{{{place}}}"] == 0.7
    assert found[f"quality_label_completeness_ratio{{{place}}}"] == 0.5
    assert found[f"quality_window_end_timestamp_seconds{{{place}}}"] == (T0 + HOUR) / 1000
    assert found['quality_settle_seconds{model="m"}'] == SETTLE / 1000
    assert found[f"quality_recall_ratio{{{cls}}}"] == 0.75
    assert found[f"quality_precision_upper_ratio{{{cls}}}"] == 1.0
    assert found[f"quality_support_events{{{cls}}}"] == 4


@pytest.mark.parametrize("hidden", [{"status": "open"}, {"segment": "a=b"}, {"view": "label_time"}])
def test_rows_of_open_windows_segments_and_other_views_show_nothing(
    metrics: QualityMetrics, hidden: dict[str, str]
) -> None:
    rows = Rows(metrics).round().round(settled_at(0))
    rows.window(0, **hidden)
    rows.cls(0, "spam", (3, 1, 0), **hidden)
    assert shown(metrics) == {}


def test_what_a_newer_window_does_not_know_is_not_shown_any_more(metrics: QualityMetrics) -> None:
    rows = Rows(metrics).round().round(settled_at(0))
    rows.cls(0, "spam", (3, 1, 0))
    rows.cls(0, "ham", (3, 0, 0))
    rows.round(settled_at(1)).window(1, balanced_accuracy=None)
    rows.cls(1, "ham", (0, 0, 2))  # never a label: no recall
    rows.cls(0, "spam", (4, 1, 0))  # an older window changed
    assert list(of("quality_support_events", metrics)) == ['class="ham",model="m",version="1",window="1h"']
    assert of("quality_recall_ratio", metrics) == {}
    assert of("quality_balanced_accuracy_ratio", metrics) == {}
    assert len(of("quality_precision_ratio", metrics)) == 1


def test_outcomes_are_added_once_and_corrections_are_a_counter_of_their_own(metrics: QualityMetrics) -> None:
    rows = Rows(metrics).round().round(settled_at(0))
    rows.cls(0, "spam", (3, 1, 0))
    rows.cls(0, "ham", (5, 0, 1))
    rows.round()
    rows.cls(0, "spam", (3, 1, 0))
    rows.cls(0, "spam", (5, 0, 0), revision=rows.revision)
    rows.cls(0, "new", (1, 0, 0))  # a class that the window did not have when it settled
    outcomes = of("quality_outcomes_total", metrics)
    assert outcomes['class="spam",model="m",outcome="tp",version="1"'] == 3
    assert outcomes['class="ham",model="m",outcome="fp",version="1"'] == 1
    assert not any("new" in labels for labels in outcomes)
    assert of("quality_outcome_corrections_total", metrics) == {
        'change="added",class="spam",model="m",outcome="tp",version="1"': 2,
        'change="removed",class="spam",model="m",outcome="fn",version="1"': 1,
        'change="added",class="new",model="m",outcome="tp",version="1"': 1,
    }


def test_what_settled_before_this_process_looked_is_not_counted(metrics: QualityMetrics) -> None:
    rows = Rows(metrics).round(settled_at(5))
    rows.cls(0, "spam", (3, 1, 0))  # the first round: nobody knows when it settled
    rows.round(settled_at(6))
    rows.cls(3, "spam", (3, 1, 0))  # settled long ago
    assert not any(name.startswith("quality_outcome") for name in shown(metrics))
    rows.cls(6, "spam", (3, 1, 0))
    assert of("quality_outcomes_total", metrics)['class="spam",model="m",outcome="tp",version="1"'] == 3


def test_a_partition_that_comes_back_does_not_count_what_another_worker_counted(metrics: QualityMetrics) -> None:
    rows = Rows(metrics).round().round(settled_at(0))
    rows.cls(0, "spam", (3, 1, 0))
    rows.window(0)
    rows.take({"schema": "quality.alert_pulse.v1", "model": "m", "t": rfc3339(T0)})
    metrics.drop_partition(0)
    assert shown(metrics) == {}
    rows.round(settled_at(9))
    rows.cls(4, "spam", (9, 1, 0))  # settled at the other worker
    assert not any(name.startswith("quality_outcome") for name in shown(metrics))


def test_what_comes_to_a_window_that_settled_without_any_label_is_a_correction(metrics: QualityMetrics) -> None:
    rows = Rows(metrics).round().round(settled_at(0))
    rows.round(settled_at(1)).cls(0, "spam", (2, 0, 0))
    assert of("quality_outcomes_total", metrics) == {}
    corrected = 'change="added",class="spam",model="m",outcome="tp",version="1"'
    assert of("quality_outcome_corrections_total", metrics) == {corrected: 2}


def test_what_is_forgotten_for_want_of_room_is_not_counted_again() -> None:
    counts = SettledCounts(max_counts=2)
    counts.watermark(0, 0, 0)
    for n in (1, 2, 3):
        assert counts.take(Seen(0, n, 10 * n, is_final=False, revision=n, watermark=10 * n), "spam", (1,)) == Change(
            is_correction=False, by=(1,)
        )
    assert counts.take(Seen(0, 1, 10, is_final=False, revision=4, watermark=40), "spam", (5,)) is None
    assert counts.take(Seen(0, 3, 30, is_final=False, revision=4, watermark=40), "spam", (5,)) == Change(
        is_correction=True, by=(4,)
    )


@pytest.mark.parametrize("spec", [SPECS[0], SPECS[5]])
def test_counters_add_up_to_the_final_rows_whatever_came_late(spec: QualitySpec) -> None:
    counted: Counter[str] = Counter()
    for seed in range(16):
        metrics = QualityMetrics(spec, None, max_versions=9)
        metrics.take("windows", _nothing())
        rng = Random(seed)
        log = records(rng, random_histories(rng, spec, 30, finish=True), crossings_of=spec)
        rows = [row for rows in judge_all(spec, log) for row in rows]
        before = 0.0
        for row in rows:
            metrics.take(row.stream, row.value)
            total = sum(of("quality_outcomes_total", metrics).values()) if seed == 0 else 0.0
            assert total >= before
            before = total
        assert _net(metrics) == _final(rows)
        for name in ("quality_outcomes_total", "quality_outcome_corrections_total"):
            counted[name] += int(sum(of(name, metrics).values()))
    assert min(counted.values()) > 8


def _nothing() -> dict[str, Any]:
    """The row of a round before the watermark is known."""
    return {"schema": "quality.window.v1", "segment": "all", "view": "", "revision": -1, "watermark": None}


def _net(metrics: QualityMetrics) -> dict[tuple[str, ...], int]:
    net: Counter[tuple[str, ...]] = Counter()
    for name, sign_of in (("quality_outcomes_total", {}), ("quality_outcome_corrections_total", {"removed": -1})):
        for text, value in of(name, metrics).items():
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', text))
            key = tuple(labels[k] for k in ("model", "version", "class", "outcome"))
            net[key] += int(value) * sign_of.get(labels.get("change", ""), 1)
    return {key: n for key, n in net.items() if n}


def _final(rows: Iterable[OutputRow]) -> dict[tuple[str, ...], int]:
    """The outcomes of all windows of the smallest size that tumbles."""
    sums: Counter[tuple[str, ...]] = Counter()
    for (stream, _), row in newest(rows).items():
        if stream == "classes" and row["segment"] == "all" and "/" not in row["window"]:
            assert row["status"] == "final" or not row["support"] + row["predicted"]
            for outcome in ("tp", "fn", "fp"):
                sums[row["model"], row["model_version"], row["class"], outcome] += row[outcome]
    return {key: n for key, n in sums.items() if n}


def test_delays_are_a_histogram_that_never_falls(metrics: QualityMetrics) -> None:
    rows = Rows(metrics).round().round(settled_at(0))
    rows.delay(0, 3, 60.0)
    rows.delay(0, 2, None, delay_from_s=1.0)
    rows.delay(0, 7, 60.0, **{"class": "spam"})
    rows.round()
    rows.delay(0, 1, 60.0, status="final")
    buckets = of("quality_label_delay_seconds_bucket", metrics)
    assert buckets['le="60.0",model="m"'] == buckets['le="7776000.0",model="m"'] == 3
    assert buckets['le="+Inf",model="m"'] == 5
    assert len(buckets) == len(DELAY_BUCKETS_S) + 1


def test_only_the_newest_versions_are_shown_and_silent_ones_are_dropped(metrics: QualityMetrics) -> None:
    rows = Rows(metrics).round().round(settled_at(0))
    for version in ("1", "2", "3"):
        rows.window(0, version, status="open")
    for version in ("1", "2", "3"):
        rows.window(0, version)
        rows.cls(0, "spam", (3, 1, 0), version)
        metrics.take_slo(Standing("recall", "m", version, "spam", 0.9, 0.5, None, ()))
    assert {text[-12:] for text in of("quality_window_end_timestamp_seconds", metrics)} == {'",window="1h"'[-12:]}
    for name in ("quality_window_end_timestamp_seconds", "quality_recall_ratio", "quality_slo_target_ratio"):
        assert len(of(name, metrics)) == 2
        assert not any('version="1"' in labels for labels in of(name, metrics))
    rows.round(settled_at(8 * 24)).window(8 * 24, "3")
    assert [labels for labels in shown(metrics) if 'version="2"' in labels] == []
    assert len(of("quality_recall_ratio", metrics)) == 0


def test_a_flood_of_names_is_bounded_and_counted() -> None:
    metrics = QualityMetrics(SPEC, None, max_series=5)
    rows = Rows(metrics).round().round(settled_at(0))
    rows.window(0)
    for n in range(20):
        rows.cls(0, f"class {n}", (3, 1, 0))
        rows.take(state(labels_of(model="m", version="1", **{"class": str(n)})))
    found = shown(metrics)
    assert len(of("quality_recall_ratio", metrics)) == len(of("quality_alert_phase", metrics)) == 5
    assert found['quality_series_refused_total{name="quality_recall_ratio"}'] == 15
    assert found['quality_series_refused_total{name="quality_alert_phase"}'] == 15
    assert max(Counter(name.partition("{")[0] for name in found).values()) <= len(BY_NAME)


def test_hostile_names_are_escaped(metrics: QualityMetrics) -> None:
    rows = Rows(metrics).round().round(settled_at(0))
    rows.cls(0, 'a"} 1\nevil{x="\\\ud800', (1, 0, 0))
    page = [line for line in shown(metrics) if "support" in line]
    assert page == ['quality_support_events{class="a\\"} 1\\nevil{x=\\"\\\\?",model="m",version="1",window="1h"}']


def state(labels: tuple[tuple[str, str], ...], phase: Phase = Phase.FIRING, **changes: Any) -> dict[str, object]:
    instance = Instance(
        "recall", "slo", labels, fingerprint("recall", labels), phase, T0, T0, severity=Severity.PAGE, **changes
    )
    transition = Transition(instance.fingerprint, Kind.FIRING, T0, T0)
    return alert_row("quality.alert.v1", instance, T0, Context("0" * 16, T0), transition)


def test_alerts_are_shown_while_they_are_not_inactive(metrics: QualityMetrics) -> None:
    spam, ham = (labels_of(model="m", version="1", **{"class": name}) for name in ("spam", "ham"))
    metrics.take("alerts", state(spam))
    metrics.take("alerts", state(ham, muted_by=("night",), inhibited_by=("f" * 32,), nodata_ms=5_000))
    metrics.take("alerts", pulse_row("m", T0, T0, {}, "0" * 16))
    identity = 'class="{}",model="m",{}rule="recall",segment="",{}subject="",version="1",window=""'
    severity = 'severity="page",'
    firing = 'phase="firing",'
    assert of("quality_alert_phase", metrics) == {
        identity.format(name, firing, severity): 1 for name in ("spam", "ham")
    }
    assert of("quality_alert_muted", metrics) == {
        identity.format("spam", "", ""): 0,
        identity.format("ham", "", ""): 1,
    }
    assert of("quality_alert_inhibited", metrics) == of("quality_alert_muted", metrics)
    assert of("quality_alert_no_data", metrics)[identity.format("ham", "", "")] == 1
    assert of("quality_alert_step_timestamp_seconds", metrics) == {'model="m"': T0 / 1000}
    metrics.take("alerts", state(spam, Phase.RECOVERING))
    assert sorted(re.findall(r'phase="(\w+)"', "".join(of("quality_alert_phase", metrics)))) == ["firing", "recovering"]
    for labels in (spam, ham):
        metrics.take("alerts", state(labels, Phase.INACTIVE))
    assert not any(of(f"quality_alert_{name}", metrics) for name in ("phase", "muted", "inhibited", "no_data"))


def test_transitions_are_counted_from_the_log(metrics: QualityMetrics) -> None:
    row = state(labels_of(model="m")) | {"schema": "quality.alert_log.v1"}
    metrics.take("alert_log", row)
    metrics.take("alert_log", row)
    assert of("quality_alert_transitions_total", metrics) == {'kind="firing",rule="recall"': 2}


def test_mutes_with_an_end_are_shown(metrics: QualityMetrics) -> None:
    metrics.take("alerts", mute_row(Mute("release", (), T0, T0 + HOUR)))
    metrics.take("alerts", mute_row(Mute("night", (), weekly=Weekly(6, 120, 240, "Europe/Berlin"))))
    assert of("quality_mute_start_timestamp_seconds", metrics) == {'mute="release"': T0 / 1000}
    assert of("quality_mute_end_timestamp_seconds", metrics) == {'mute="release"': (T0 + HOUR) / 1000}


def test_a_budget_replaces_what_was_shown_of_it(metrics: QualityMetrics) -> None:
    fast, slow = TierBurn("fast", 4.0, None, 3.7), TierBurn("slow", 1.0, 1.5, 1.45)
    metrics.take_slo(Standing("recall", "m", "1", "spam", 0.9, 0.25, 3_600.0, (fast, slow)))
    budget = 'class="spam",model="m",slo="recall",{}version="1"'
    assert of("quality_slo_burn_rate", metrics) == {
        budget.format('span="long",tier="fast",').replace('slo="recall",span', 'slo="recall",span'): 4.0,
        budget.format('span="long",tier="slow",'): 1.0,
        budget.format('span="short",tier="slow",'): 1.5,
    }
    assert of("quality_slo_burn_threshold", metrics)[budget.format('tier="fast",')] == 3.7
    assert of("quality_slo_error_budget_remaining_ratio", metrics) == {budget.format(""): 0.25}
    metrics.take_slo(Standing("recall", "m", "1", "spam", 0.9, None, None, (slow,)))
    assert len(of("quality_slo_burn_rate", metrics)) == 2
    assert of("quality_slo_budget_exhaustion_seconds", metrics) == {}


def gate(candidate: str, verdict: str, at: int = T0, delta: float | None = None) -> dict[str, Any]:
    bounds = {"delta": delta, "lower": delta, "upper": delta}
    where = {"gate": "g", "candidate": candidate, "baseline": "1", "model": "m", "t": rfc3339(at)}
    return {"schema": "quality.gate.v1", "verdict": verdict, **where, **bounds}


def test_a_gate_is_a_number_only_once_it_was_judged(metrics: QualityMetrics) -> None:
    verdicts = {"2": "pass", "3": "inconclusive", "4": "fail"}
    for candidate, verdict in verdicts.items():
        metrics.take("gates", gate(candidate, verdict, delta=None if verdict == "inconclusive" else -0.1))
    series = 'baseline="1",candidate="{}",gate="g"'
    found = {"2": 1.0, "3": 0.0, "4": -1.0}
    assert of("quality_canary_verdict", metrics) == {series.format(name): value for name, value in found.items()}
    assert set(of("quality_canary_delta_ratio", metrics)) == {series.format(name) for name in ("2", "4")}
    metrics.take("gates", gate("5", "pass", at=T0 + 8 * DAY))
    assert set(of("quality_canary_verdict", metrics)) == {series.format("5")}
    metrics.drop_partition(0)
    assert of("quality_canary_verdict", metrics) == {}


def audit(partition: int, **counts: int) -> dict[str, Any]:
    names = ("predictions_expired", "labels_orphan", "predictions_late", "labels_late", "predictions_waiting")
    zero = dict.fromkeys((*names, "labels_waiting"), 0)
    return {"schema": "quality.audit.v1", "ledger_partition": partition, **zero, **counts}


def test_the_join_is_shown_from_its_audits_and_dropped_with_its_partition(metrics: QualityMetrics) -> None:
    metrics.take("audit", audit(3, labels_orphan=5, labels_waiting=7, predictions_late=1))
    metrics.take("audit", audit(3, labels_orphan=4, labels_waiting=6))  # an older word than what was told: no fall
    metrics.take("audit", audit(4))
    assert of("quality_join_unmatched_total", metrics)['kind="label",partition="3"'] == 5
    assert of("quality_join_waiting_events", metrics)['kind="label",partition="3"'] == 6
    assert of("quality_late_events_total", metrics)['kind="prediction",partition="3"'] == 1
    metrics.drop_ledger_partition(3)
    assert not any('partition="3"' in name for name in shown(metrics))
    assert any('partition="4"' in name for name in shown(metrics))


class Board:
    """What a worker has read of the topics of alerts and gates."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = rows
        self.why: str | None = "it is being read"

    def reading(self) -> str | None:
        return self.why

    def alerts(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if "fingerprint" in row]

    def gate_rows(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if "gate" in row]


def test_what_stood_is_shown_at_once_where_its_partition_comes_to(metrics: QualityMetrics) -> None:
    spam, ham = (labels_of(model="m", version="1", **{"class": name}) for name in ("spam", "ham"))
    other = state(labels_of(model="other"))
    board = Board(state(spam), state(ham), other, gate("2", "pass"))
    memory = QualityMemory(metrics, board, lambda model: 0 if model == "m" else 1)
    memory.look([0])
    assert shown(metrics) == {}
    board.why = None
    metrics.take("alerts", state(ham, Phase.INACTIVE), 0)  # newer than what the board has
    memory.look([0])
    assert len(of("quality_alert_phase", metrics)) == 1
    assert 'class="spam"' in str(of("quality_alert_phase", metrics))
    assert len(of("quality_canary_verdict", metrics)) == 1
    metrics.take("alerts", state(spam, Phase.INACTIVE), 0)
    memory.look([0])
    assert of("quality_alert_phase", metrics) == {}
    metrics.drop_partition(0)
    memory.look([1])
    assert 'model="other"' in str(of("quality_alert_phase", metrics))
    memory.look([0, 1])
    assert len(of("quality_alert_phase", metrics)) == 3
