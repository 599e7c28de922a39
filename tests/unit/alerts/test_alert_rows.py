"""Rows of alerts: as their schemas say, as the published examples show, and as docs/alert-events.md explains."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from random import Random

import jsonschema
import pytest

from streams.alerts.drift_rules import judge_drift
from streams.alerts.evidence.series import Completeness
from streams.alerts.grouping import Group, judge_rollup
from streams.alerts.instance import Change, Ending, Instance, Phase, fingerprint, labels_of
from streams.alerts.judge import AlertingJudge
from streams.alerts.machine import TABLE, Action, end, set_muted, step
from streams.alerts.missing import Silence, judge_missing
from streams.alerts.orders import RulesOrder, encode
from streams.alerts.retrain import ClassState, Facts, RetrainState, judge_retrain
from streams.alerts.rows import ALERT_LOG, ALERTS, Context, alert_row, mute_of, mute_row, pulse_row
from streams.alerts.rules.model import (
    HOUR,
    MINUTE,
    AllOf,
    Comparison,
    DriftRule,
    Mute,
    NoData,
    Op,
    Retrain,
    Rollup,
    Rule,
    RuleSet,
    Severity,
    Slo,
    Tier,
    Weekly,
)
from streams.alerts.verdict import Evidence, Judgement, Policy, Verdict
from streams.alerts.watching.roster import Roster
from streams.quality.drift.finding import Why, finding
from tests.support.judged import random_histories, records, spec_of
from tests.support.schemas import SCHEMAS, schema

OURS = ("alert", "alert_log", "alert_pulse", "mute")
ROOT = Path(__file__).parents[3]
DOC = (ROOT / "docs" / "alert-events.md").read_text(encoding="utf-8")
EXAMPLES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (SCHEMAS / "examples").glob("*.json")}
T0 = 1_763_640_000_000  # 2025-11-20T12:00:00Z
STEP = 5 * MINUTE
POLICY = Policy(keep_firing_ms=HOUR)
FIRST: Evidence = {
    "n_long": 50,
    "bad_long": 19,
    "value": 0.62,
    "burn_long": 3.8,
    "p_value": 1.4e-07,
    "exhaustion_s": None,
}
LATER: Evidence = {**FIRST, "bad_long": 6, "value": 0.88, "burn_long": 1.2}
CONTEXT = Context(
    "0f1e2d3c4b5a6978",
    0,
    "chargeback recall 62.0% (n=50) burns the budget of 90% at 3.8x",
    "https://runbooks.example/quality/error-budget-burn",
    (("surface", "checkout"), ("team", "fraud")),
)


def chargeback() -> Instance:
    labels = labels_of(model="fraud-clf", version="42", **{"class": "chargeback"})
    return Instance("recall", "slo", labels, fingerprint("recall", labels))


def life() -> dict[str, dict[str, object]]:
    """An alert from its first breach to its end: a row of each kind of the log, and a heartbeat."""
    alert, rows, t = chargeback(), dict[str, dict[str, object]](), T0
    slow, fast = (Severity.TICKET, "slow"), (Severity.PAGE, "fast")
    waits = POLICY._replace(for_ms=STEP, pending_ttl_ms=STEP)
    said: list[tuple[Verdict, Policy, tuple[Severity, str] | None, tuple[str, ...]]] = [
        (Verdict.BREACH, waits, slow, ()),
        (Verdict.CLEAR, waits, None, ()),
        (Verdict.BREACH, waits, slow, ()),
        (Verdict.HOLD, waits, None, ()),
        (Verdict.BREACH, POLICY, slow, ()),
        (Verdict.BREACH, POLICY, fast, ()),
        (Verdict.CLEAR, POLICY, None, ()),
        (Verdict.BREACH, POLICY, fast, ()),
        (Verdict.HOLD, POLICY, None, ("weekly-reindex",)),
        (Verdict.HOLD, POLICY, None, ()),
        *[(Verdict.CLEAR, POLICY, None, ())] * 13,
    ]
    for verdict, policy, found, mutes in said:
        t += STEP
        evidence = FIRST if verdict is Verdict.BREACH else LATER if verdict is Verdict.CLEAR else {}
        severity, tier = found or (None, None)
        judgement = Judgement(verdict, policy, severity, tier, 4, evidence)
        changes = step(alert, judgement, t, STEP) + set_muted(alert, mutes, (), t)
        context = CONTEXT._replace(watermark=t + HOUR)
        for change in changes:
            rows[change.change] = alert_row("quality.alert_log.v1", alert, t, context, change)
            if change.change in {Change.FIRING, Change.RESOLVED}:
                rows[f"state {change.change}"] = alert_row("quality.alert.v1", alert, t, context, change)
        if not changes:
            rows["state heartbeat"] = alert_row("quality.alert.v1", alert, t, context, None)
    return rows


REINDEX = Mute(
    "weekly-reindex", (("model", "fraud-clf"),), weekly=Weekly(6, 120, 240, "Europe/Berlin"),
    budget="exclude", reason="feature store reindex",
)  # fmt: skip
ROLLOUT = Mute(
    "rollout-43", (("model", "fraud-clf"), ("version", "42|43")), T0, T0 + 2 * HOUR,
    clock="wall", reason="rollout of 43", author="on-call",
)  # fmt: skip


def examples() -> dict[str, dict[str, object]]:
    """The published examples by the names of their files, out of the code itself."""
    rows = life()
    found = {f"quality.alert_log.v1.{change}": rows[change] for change in Change}
    found |= {f"quality.alert.v1.{kind}": rows[f"state {kind}"] for kind in ("firing", "heartbeat", "resolved")}
    active: Evidence = {"pending": 0, "firing": 1, "recovering": 0, "pages": 1, "tickets": 0, "muted": 0, "left_out": 0}
    found["quality.alert_pulse.v1"] = pulse_row("fraud-clf", T0 + STEP, T0 + STEP + HOUR, active, CONTEXT.rules_hash)
    return found | {"quality.mute.v1.weekly": mute_row(REINDEX), "quality.mute.v1.once": mute_row(ROLLOUT)}


def fits(row: Mapping[str, object]) -> None:
    name = str(row["schema"]).split(".")[1]
    jsonschema.Draft202012Validator(schema(name)).validate(row)
    assert list(row) == schema(name)["required"]


@pytest.mark.parametrize("name", OURS)
def test_a_schema_is_valid_closed_and_described(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    assert schema(name)["additionalProperties"] is False
    assert schema(name)["required"] == list(schema(name)["properties"])
    assert all(field["description"] for field in schema(name)["properties"].values())
    assert schema(name)["properties"]["schema"]["const"] == f"quality.{name}.v1"
    assert schema(name)["$id"] == f"quality.{name}.v1.json"


def test_there_is_a_schema_of_gates_too() -> None:
    assert schema("gate")["properties"]["schema"]["const"] == "quality.gate.v1"


def test_a_life_has_a_row_of_every_kind() -> None:
    assert set(life()) == {*Change, "state firing", "state heartbeat", "state resolved"}


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_fits_its_schema_with_its_fields_in_order(name: str) -> None:
    fits(EXAMPLES[name])
    assert name.startswith(str(EXAMPLES[name]["schema"]))


def test_the_examples_are_what_the_code_says() -> None:
    mine = {name: row for name, row in EXAMPLES.items() if str(row["schema"]).split(".")[1] in OURS}
    assert mine == examples()


def test_the_schemas_know_every_kind_reason_and_phase() -> None:
    log, state = schema("alert_log")["properties"], schema("alert")["properties"]
    assert log["kind"]["enum"] == [change.value for change in Change]
    assert state["kind"]["enum"] == [*log["kind"]["enum"], "heartbeat"]
    assert log["reason"]["enum"] == [*(ending.value for ending in Ending), None]
    assert log["phase"]["enum"] == [phase.value for phase in Phase]
    assert log["severity"]["enum"] == [*(severity.value for severity in Severity), None]
    assert {name: field for name, field in log.items() if name not in {"schema", "kind"}} == {
        name: field for name, field in state.items() if name not in {"schema", "kind"}
    }


@pytest.mark.parametrize("ending", Ending)
def test_a_row_says_why_it_ended(ending: Ending) -> None:
    alert = chargeback()
    step(alert, Judgement(Verdict.BREACH, POLICY, Severity.PAGE, "fast"), T0, STEP)
    (resolved,) = end(alert, T0 + STEP, ending)
    row = alert_row("quality.alert_log.v1", alert, T0 + STEP, CONTEXT, resolved)
    fits(row)
    assert (row["reason"], row["transition_id"]) == (ending, resolved.id)


def test_a_row_of_a_drift_alert_says_window_kind_and_segment() -> None:
    labels = labels_of(model="m", version="1", window="24h", kind="label", segment__region="eu=west")
    alert = Instance("drift", "drift", labels, fingerprint("drift", labels))
    (firing,) = step(alert, Judgement(Verdict.BREACH, POLICY, Severity.TICKET), T0, STEP)
    row = alert_row("quality.alert.v1", alert, T0, CONTEXT, firing)
    fits(row)
    assert (row["window"], row["subject"], row["segment"], row["class"]) == ("24h", "label", "region=eu=west", None)


def test_the_pulse_counts_what_a_roster_has() -> None:
    row = pulse_row("m", T0, T0 + HOUR, {**Roster().counts(), "left_out": 0}, "0")
    fits(row)


@pytest.mark.parametrize("mute", [REINDEX, ROLLOUT, Mute("all", (), 0, 1)])
def test_a_mute_comes_back_from_its_row(mute: Mute) -> None:
    fits(mute_row(mute))
    assert mute_of(json.loads(json.dumps(mute_row(mute)))) == mute


def test_rows_of_a_judge_are_as_their_schemas_say() -> None:
    spec = spec_of("5m", ledger_partitions=2)
    low = Rule(
        "low", "accuracy", (("model", "*"),), 4 * MINUTE, Comparison("value", Op.LT, 0.9), by=("segment.country",)
    )
    tiers = (Tier("fast", Severity.PAGE, 3 * MINUTE, MINUTE, 1.0, 0.2),)
    budget = Slo("recall", (("model", "*"),), 0.8, tiers=tiers, min_n=1, min_bad=1)
    rules = RuleSet("0" * 16, MINUTE, (budget,), (low,), mutes=(REINDEX,), retire_after_ms=15 * MINUTE)
    rng, judge, seen = Random(5), AlertingJudge(spec, 0), set[str]()
    history = records(rng, random_histories(rng, spec, 25, finish=True), 3)
    for offset, record in enumerate([encode(RulesOrder(rules)), *history]):
        for row in judge.apply(offset, record):
            if row.stream in {ALERTS, ALERT_LOG}:
                fits(row.value)
                seen.add(str(row.value["schema"]).split(".")[1])
    assert seen == set(OURS)


def drawn() -> str:
    """The table of the machine as the page has it."""
    lines = ["| phase | " + " | ".join(verdict.name for verdict in Verdict) + " |", "|---" * 5 + "|"]
    lines += [f"| {phase} | " + " | ".join(TABLE[phase, verdict] for verdict in Verdict) + " |" for phase in Phase]
    return "\n".join(lines)


def test_the_page_draws_the_table() -> None:
    assert drawn() in DOC


def test_every_action_is_in_the_table() -> None:
    assert set(TABLE.values()) == set(Action)


@pytest.mark.parametrize("name", ["alert", "alert_pulse", "mute"])
def test_the_page_explains_every_field_as_the_schema_does(name: str) -> None:
    for field, said in schema(name)["properties"].items():
        meaning = said["description"].replace("|", "\\|")
        assert field == "schema" or f"| `{field}` | {meaning} |" in DOC, field


def test_the_page_names_all_evidence() -> None:
    alert = chargeback()
    of_no_data = judge_missing(NoData(), 0.9, Completeness(0, 0, None), Silence(0, None), 0)
    of_rollup = judge_rollup(Rollup("r", "recall", AllOf(())), Group((), (alert,)), 1)
    of_drift = judge_drift(
        DriftRule("d", ("*",), ()), finding("label", 1, {"incident_status": "open"}, {}, Why.FEW), 0, active=False
    )
    asked = Facts("m", (ClassState("1", "a", None, 1, 1, 500, firing_since=T0),), 1.0)
    of_retrain = judge_retrain(Retrain("r", "*", "recall"), RetrainState(), asked, T0 + 80 * HOUR).judgement
    for kind, judgement in (
        ("no_data", of_no_data),
        ("rollup", of_rollup),
        ("drift", of_drift),
        ("retrain", of_retrain),
    ):
        line = next(line for line in DOC.splitlines() if line.startswith(f"| {kind} | `"))
        assert judgement is not None
        assert set(re.findall(r"`([a-z_0-9]+)`", line)) == set(judgement.evidence), kind


def test_the_page_explains_every_kind_and_reason() -> None:
    for value in (*Change, *Ending):
        assert f"| `{value}` | " in DOC
