"""`[[canary]]` and `[[retrain]]` compiled: gates between versions, and when to ask for a new one."""

import re

from streams.alerts.rules.model import DAY, Canary, Retrain
from streams.runtime.config.durations import format_duration
from streams.runtime.config.problems import closest
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.facts import KEPT_MS
from streams.runtime.rules.scope import Scope
from streams.runtime.rules.sheet import Read
from streams.runtime.rules.tables import CanaryTable, RetrainTable
from streams.runtime.rules.values import names_in

TESTS = ("always_valid", "fixed", "obf:LOOKS")
METRIC = "balanced_accuracy"
_LOOKS = re.compile(r"obf:(\d{1,4})")
_ALIAS = "alias:"


def compile_canary(scope: Scope, read: Read) -> Canary:
    """One gate; what is wrong with it is noted."""
    table = read.table
    assert isinstance(table, CanaryTable)  # noqa: S101 -- the list says so
    path = read.path
    looks = _LOOKS.fullmatch(table.test)
    if table.test not in TESTS[:2] and not (looks and 2 <= int(looks[1]) <= 1_000):
        text = f'the test "{table.test[:60]}" is not known. Write always_valid, fixed, or obf: with 2 to 1000 looks.'
        scope.tell(RuleCode.GATE_TEST, (*path, "test"), text)
    if table.metric != METRIC:
        text = f'a gate compares {METRIC}, not "{table.metric[:60]}". Leave metric out.'
        scope.tell(RuleCode.METRIC, (*path, "metric"), text)
    if table.max_duration_ms > KEPT_MS:
        text = f"max_duration {format_duration(table.max_duration_ms)}"
        scope.kept(table.max_duration_ms, (*path, "max_duration"), text)
    candidate = _version(scope, read, table, "candidate")
    baseline = _version(scope, read, table, "baseline")
    if baseline == candidate and candidate != "*" and scope.knows(path, "baseline", "candidate"):
        text = f'the candidate is the baseline, "{baseline}": nothing would be compared. Name two versions.'
        scope.tell(RuleCode.CONFLICT, (*path, "baseline"), text)
    if baseline != "previous" and (baseline == "*" or baseline.startswith("!") or "|" in baseline):
        text = f'the baseline "{baseline[:60]}" is not one version. Name one, an alias, or "previous".'
        scope.tell(RuleCode.WRONG_VALUE, (*path, "baseline"), text)
    if scope.knows(path, "model", "class"):
        scope.classes(table.model, names_in(table.cls), (*path, "class"))
    return Canary(
        name=table.name,
        model=table.model,
        cls=table.cls,
        candidate=candidate,
        baseline=baseline,
        metric=METRIC,
        margin=table.margin,
        class_margin=table.class_margin,
        alpha=table.alpha,
        test=table.test,
        design=table.design,
        min_support=table.min_support.per_class,
        max_duration_ms=scope.of_steps(table.max_duration_ms, (*path, "max_duration")),
        ready=scope.ready(table.ready),
        severity=table.severity,
        about=scope.about(read, scope.severities(read)),
    )


def _version(scope: Scope, read: Read, table: CanaryTable, key: str) -> str:
    """A version that is named, or what its alias stands for."""
    said = table.candidate if key == "candidate" else table.baseline
    if not said.startswith(_ALIAS):
        return said
    alias = said.removeprefix(_ALIAS)
    models = names_in(table.model)
    if not scope.knows(read.path, "model"):
        return said
    if table.model.startswith("!") or len(models) != 1:
        text = f'"{said}" needs one model, and the gate is for "{table.model}". Name a single model.'
        scope.tell(RuleCode.ALIAS, (*read.path, key), text)
        return said
    known = scope.aliases.get(models[0], {})
    if alias not in known and scope.sheet.knows(("aliases", models[0], alias)):
        text = (
            f'the alias "{alias[:60]}" of {models[0]} is not known.{closest(alias, sorted(known))} '
            f'Say which version it is in [aliases."{models[0]}"].'
        )
        scope.tell(RuleCode.ALIAS, (*read.path, key), text)
    return known.get(alias, said)


def compile_retrain(scope: Scope, read: Read) -> Retrain:
    """One trigger; what is wrong with it is noted."""
    table = read.table
    assert isinstance(table, RetrainTable)  # noqa: S101 -- the list says so
    path = read.path
    known = scope.sheet.named("slo")
    slo = table.when.budget_exhausted
    if slo not in known and scope.sheet.knows_names("slo"):
        text = f'there is no budget "{slo[:60]}".{closest(slo, known)} Name an [[slo]].'
        scope.tell(RuleCode.UNKNOWN_RULE, (*path, "when", "budget_exhausted"), text)
    bad, slices = table.when.slices_bad
    if slices * table.when.slice_ms > KEPT_MS and scope.knows((*path, "when"), "slices_bad", "slice"):
        text = f"{slices} slices of {format_duration(table.when.slice_ms)}"
        scope.kept(slices * table.when.slice_ms, (*path, "when", "slice"), text)
    if table.when.slice_ms % DAY:
        text = f'slice "{format_duration(table.when.slice_ms)}" is not of whole days. Write "1d" or more.'
        scope.tell(RuleCode.STEP, (*path, "when", "slice"), text)
    return Retrain(
        name=table.name,
        model=table.model,
        slo=slo,
        slices_bad=bad,
        slices=slices,
        slice_ms=table.when.slice_ms,
        ticket_active_ms=table.when.ticket_active_ms,
        new_labels_per_class=table.require.new_labels_per_class,
        label_completeness=table.require.label_completeness,
        cooldown_ms=table.cooldown_ms,
        expires_ms=table.expires_ms,
        mode=table.mode,
        about=scope.about(read, []),
    )
