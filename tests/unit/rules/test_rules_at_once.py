"""All that is wrong in a file is told in one round: several mistakes at once are told as each of them is by itself.

`VALID` is a file that is right, a line for each key. A mistake is another text of one of its keys; its `needs` are the
keys that the reason rests on, so that two mistakes are independent if neither breaks what the other one needs.
"""

from itertools import combinations
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.runtime.config.problems import InvalidConfigError
from streams.runtime.rules.load import parse_rules
from streams.runtime.rules.stand_ins import STAND_INS
from streams.runtime.rules.tables import RulesDocument
from tests.unit.rules.job_of_rules import JOB
from tests.unit.rules.test_rules_docs import keys

VALID = """
schema = 1
[aliases.m]
old = "1"
new = "2"
[defaults]
period = "28d"
step = "5m"
max_page_age = "6h"
labels = { team = "a" }
no_data = { for = "2h" }
[[slo]]
name = "budget"
model = "m"
class = "ok"
target = 0.9
class_target = { ok = 0.8 }
match = { "segment.region" = "eu" }
by = ["segment.region"]
runbook = "x"
period = "14d"
min_n = 10
summary = "{class} {value:.1%}"
[[slo.tiers]]
name = "fast"
severity = "page"
long = "1h"
short = "5m"
alpha = 1e-4
burn = 3
for = "5m"
[[slo.tiers]]
name = "slow"
severity = "ticket"
long = "1d"
short = "2h"
alpha = 1e-3
drop = 0.1
[[rule]]
name = "low"
metric = "recall"
match = { class = "ok" }
by = ["class"]
window = "6h"
fire_when = "upper95 < 0.85"
resolve_when = "value >= 0.87"
severity = "page"
runbook = "x"
for = "15m"
no_data = { for = "1h", severity = "ticket" }
[[rule]]
name = "gap"
metric = "group_gap"
window = "24h"
dimension = "region"
fire_when = "lower95 > 0.2"
[[drift]]
name = "shift"
kinds = ["label", "score"]
windows = ["24h"]
min_effect = 0.1
[[rollup]]
name = "all"
of = "budget"
when = "firing_classes >= 3"
runbook = "x"
[[canary]]
name = "gate"
model = "m"
candidate = "alias:new"
baseline = "alias:old"
alpha = 0.05
test = "fixed"
max_duration = "7d"
[[mute]]
name = "once"
match = { rule = "budget", model = "m" }
start = 2026-01-01T00:00:00Z
end = 2026-01-01T12:00:00Z
budget = "exclude"
[[mute]]
name = "weekly"
[mute.weekly]
day = "sun"
from = "02:00"
to = "04:00"
zone = "UTC"
[[retrain]]
name = "again"
model = "m"
cooldown = "7d"
[retrain.when]
budget_exhausted = "budget"
slices_bad = "3 of 5"
slice = "1d"
""".strip().splitlines()


SHARED = ("ready.", "no_data.")  # keys of several kinds: none is required


class Mistake(NamedTuple):
    """Another text of a key, and what is told of it: the code, and the key if it is another one."""

    key: str
    text: str | None  # None: the line is not there
    code: str
    told: str | None = None
    needs: tuple[str, ...] = ()


MISTAKES = [
    Mistake("schema", "schema = 2", "E117"),
    Mistake("schema", None, "E115"),
    Mistake("aliases.m.old", "old = 1", "E116"),
    Mistake("aliases.m.old", None, "E128", "canary.gate.baseline", ("canary.gate.model", "canary.gate.baseline")),
    Mistake("defaults.period", 'period = "1w"', "E118"),
    Mistake("defaults.period", 'period = "29d"', "E106"),
    Mistake("defaults.step", "step = 5", "E118"),
    Mistake("defaults.step", 'step = "7m"', "E105"),
    Mistake("defaults.step", 'stp = "5m"', "E103", "defaults.stp"),
    Mistake("defaults.max_page_age", 'max_page_age = "0s"', "E118"),
    Mistake("defaults.labels", 'labels = { severity = "x" }', "E110", "defaults.labels.severity"),
    Mistake("defaults.no_data", 'no_data = { for = "7m" }', "E105", "defaults.no_data.for", ("defaults.step",)),
    Mistake("rule.gap.name", 'name = "budget"', "E109", "rule.budget.name", ("slo.budget.name",)),
    Mistake("slo.budget.model", 'model = "a*"', "E117"),
    Mistake("slo.budget.class", 'class = "oh"', "E108", None, ("slo.budget.model", "slo.budget.match")),
    Mistake("slo.budget.name", 'name = "x y"', "E117", "slo[0].name"),
    Mistake("slo.budget.name", 'name = ""', "E117", "slo[0].name"),
    Mistake("slo.budget.target", None, "E115"),
    Mistake("slo.budget.target", 'target = "high"', "E116"),
    Mistake("slo.budget.target", "targt = 0.9", "E103", "slo.budget.targt"),
    Mistake("slo.budget.target", "target = 0.6", "E101", "slo.budget.tiers.fast.burn", ("slo.budget.tiers.fast.burn",)),
    Mistake("slo.budget.class_target", "class_target = { ok = 2 }", "E117", "slo.budget.class_target.ok"),
    Mistake(
        "slo.budget.class_target", "class_target = { oh = 0.8 }", "E108", "slo.budget.class_target.oh",
        ("slo.budget.model", "slo.budget.match"),
    ),
    Mistake("slo.budget.match", 'match = { mdl = "m" }', "E103", "slo.budget.match.mdl"),
    Mistake("slo.budget.match", 'match = { "segment.age" = "x" }', "E123", 'slo.budget.match."segment.age"'),
    Mistake("slo.budget.by", 'by = ["clas"]', "E121", "slo.budget.by[0]"),
    Mistake("slo.budget.by", 'by = ["segment.regon"]', "E123", "slo.budget.by[0]"),
    Mistake("slo.budget.by", "by = []", "E121", "slo.budget.match", ("slo.budget.match",)),
    Mistake("slo.budget.runbook", "runbook = 3", "E116"),
    Mistake("slo.budget.runbook", None, "E107", "slo.budget", ("slo.budget.tiers.fast.severity",)),
    Mistake("slo.budget.runbook", 'runbok = "x"', "E103", "slo.budget.runbok"),
    Mistake("slo.budget.period", "period = 14", "E118"),
    Mistake("slo.budget.period", 'period = "90d"', "E106"),
    Mistake("slo.budget.period", 'period = "7s"', "E105"),
    Mistake(
        "slo.budget.period", 'period = "3d"', "E112", "slo.budget.tiers.slow.long", ("slo.budget.tiers.slow.long",)
    ),
    Mistake("slo.budget.min_n", "min_n = 0", "E117"),
    Mistake("slo.budget.summary", 'summary = "{clas}"', "E117"),
    Mistake("slo.budget.tiers.fast.name", None, "E115", "slo.budget.tiers[0].name"),
    Mistake("slo.budget.tiers.fast.severity", 'severity = "loud"', "E117"),
    Mistake("slo.budget.tiers.fast.long", "long = 1", "E118"),
    Mistake("slo.budget.tiers.fast.long", 'long = "7s"', "E105", None, ("defaults.step",)),
    Mistake("slo.budget.tiers.fast.short", 'short = "6m"', "E105", None, ("defaults.step",)),
    Mistake(
        "slo.budget.tiers.fast.long", 'long = "5m"', "E102", "slo.budget.tiers.fast", ("slo.budget.tiers.fast.short",)
    ),
    Mistake("slo.budget.tiers.fast.alpha", "alpha = 1", "E117"),
    Mistake(
        "slo.budget.tiers.fast.burn", "burn = 14.4", "E101", None, ("slo.budget.target", "slo.budget.class_target")
    ),
    Mistake("slo.budget.tiers.fast.burn", None, "E129", "slo.budget.tiers.fast"),
    Mistake("slo.budget.tiers.fast.burn", "brn = 3", "E103", "slo.budget.tiers.fast.brn"),
    Mistake("slo.budget.tiers.fast.for", 'for = "7m"', "E105", None, ("defaults.step",)),
    Mistake("slo.budget.tiers.slow.name", 'name = "no name"', "E117", "slo.budget.tiers[1].name"),
    Mistake("slo.budget.tiers.slow.short", None, "E115"),
    Mistake("slo.budget.tiers.slow.drop", "drop = 1", "E117"),
    Mistake("rule.low.metric", 'metric = "recal"', "E120"),
    Mistake("rule.low.metric", None, "E115"),
    Mistake("rule.low.match", 'match = { class = "oh" }', "E108", "rule.low.match.class"),
    Mistake("rule.low.by", "by = [1]", "E116", "rule.low.by[0]"),
    Mistake("rule.low.by", "by = []", "E121", "rule.low.by", ("rule.low.metric", "rule.low.match")),
    Mistake("rule.low.by", 'bq = ["class"]', "E103", "rule.low.bq"),
    Mistake("rule.low.window", None, "E115"),
    Mistake("rule.low.window", 'window = "7m"', "E105", None, ("defaults.step", "rule.low.metric")),
    Mistake("rule.low.window", 'window = "29d"', "E106"),
    Mistake("rule.low.fire_when", 'fire_when = "upper95 <"', "E119"),
    Mistake("rule.low.fire_when", 'fire_when = "upper95 < 85"', "E119", None, ("rule.low.metric",)),
    Mistake("rule.low.fire_when", 'fire_wen = "upper95 < 0.85"', "E103", "rule.low.fire_wen"),
    Mistake("rule.low.resolve_when", 'resolve_when = "value > 0.8"', "E104", None, ("rule.low.fire_when",)),
    Mistake("rule.low.resolve_when", "resolve_when = 0.8", "E116"),
    Mistake("rule.low.severity", "severity = 1", "E117"),
    Mistake("rule.low.runbook", None, "E107", "rule.low", ("rule.low.severity",)),
    Mistake("rule.low.for", "for = 3", "E118"),
    Mistake("rule.low.no_data", 'no_data = { fr = "1h" }', "E103", "rule.low.no_data.fr"),
    Mistake("rule.gap.window", 'window = "5h"', "E122", None, ("rule.gap.metric",)),
    Mistake("rule.gap.dimension", None, "E121", "rule.gap", ("rule.gap.metric",)),
    Mistake("rule.gap.dimension", 'dimension = "age"', "E123", None, ("rule.gap.metric",)),
    Mistake("rule.gap.metric", "metric = 1", "E116"),
    Mistake("rule.gap.fire_when", None, "E115"),
    Mistake("drift.shift.kinds", 'kinds = ["lable", "score"]', "E125", "drift.shift.kinds[0]"),
    Mistake("drift.shift.kinds", None, "E115"),
    Mistake("drift.shift.windows", 'windows = ["7d"]', "E122", "drift.shift.windows[0]"),
    Mistake("drift.shift.min_effect", "min_effect = 2", "E117"),
    Mistake("rollup.all.of", 'of = "budgt"', "E124", None, ("slo.budget.name", "rule.low.name")),
    Mistake("rollup.all.of", None, "E115"),
    Mistake("rollup.all.of", 'oq = "budget"', "E103", "rollup.all.oq"),
    Mistake("rollup.all.when", 'when = "firing_classes >= 0"', "E119"),
    Mistake("rollup.all.when", None, "E115"),
    Mistake("rollup.all.runbook", None, "E107", "rollup.all"),
    Mistake("canary.gate.model", None, "E115"),
    Mistake("canary.gate.candidate", 'candidate = "alias:nw"', "E128", None, ("canary.gate.model",)),
    Mistake("canary.gate.baseline", 'baseline = "*"', "E117"),
    Mistake("canary.gate.baseline", 'baseline = "2"', "E129", None, ("canary.gate.candidate", "canary.gate.model")),
    Mistake("canary.gate.alpha", "alpha = 0.7", "E117"),
    Mistake("canary.gate.test", 'test = "obf:1"', "E126"),
    Mistake("canary.gate.max_duration", 'max_duration = "29d"', "E106"),
    Mistake("mute.once.match", 'match = { rule = "budgt" }', "E124", "mute.once.match.rule", ("slo.budget.name",)),
    Mistake("mute.once.start", 'start = "soon"', "E117"),
    Mistake("mute.once.start", None, "E127", None, ("mute.once.end",)),
    Mistake("mute.once.end", None, "E127", "mute.once.end"),
    Mistake("mute.once.end", "endd = 2026-01-02T00:00:00Z", "E103", "mute.once.endd"),
    Mistake("mute.once.end", "end = 2026-03-01T00:00:00Z", "E127", None, ("mute.once.start",)),
    Mistake(
        "mute.once.end", "end = 2026-01-10T00:00:00Z", "E111", None,
        ("mute.once.start", "mute.once.budget", "mute.once.match", "slo.budget.name", "slo.budget.period"),
    ),
    Mistake("mute.once.budget", 'budget = "none"', "E117"),
    Mistake("mute.weekly.weekly.day", 'day = "so"', "E117"),
    Mistake("mute.weekly.weekly.from", None, "E115"),
    Mistake("mute.weekly.weekly.to", 'to = "02:00"', "E127", None, ("mute.weekly.weekly.from",)),
    Mistake("mute.weekly.weekly.to", 'tq = "04:00"', "E103", "mute.weekly.weekly.tq"),
    Mistake("mute.weekly.weekly.zone", 'zone = "x"', "E111"),
    Mistake("retrain.again.model", None, "E115"),
    Mistake("retrain.again.model", 'modeq = "m"', "E103", "retrain.again.modeq"),
    Mistake("retrain.again.cooldown", 'cooldown = "7"', "E118"),
    Mistake("retrain.again.when.budget_exhausted", None, "E115"),
    Mistake("retrain.again.when.budget_exhausted", 'budget_exhausted = "x"', "E124", None, ("slo.budget.name",)),
    Mistake("retrain.again.when.slices_bad", 'slices_bad = "6 of 5"', "E117"),
    Mistake("retrain.again.when.slice", 'slice = "9d"', "E106", None, ("retrain.again.when.slices_bad",)),
    Mistake("retrain.again.when.slice", 'slice = "36h"', "E105"),
]  # fmt: skip


def line_numbers() -> dict[str, int]:
    """The line of each key of `VALID`, by the name that problems call it."""
    found, at, named = {}, "", ""
    for number, line in enumerate(VALID):
        if line.startswith("["):
            at, named = line.strip("[]"), named if line.startswith("[") and "." in line else ""
            continue
        key, _, value = line.partition(" = ")
        table = at.partition(".")[0]
        if key == "name" and at == table:
            named = f"{table}.{value.strip(chr(34))}"
        inner = at.removeprefix(table)
        if inner == ".tiers" and key == "name":
            tier = value.strip('"')
        inner = f".tiers.{tier}" if inner == ".tiers" else inner
        found[f"{named or table}{inner}.{key}" if at else key] = number
    return found


LINES = line_numbers()


def told(mistakes: list[Mistake]) -> set[tuple[str, str, str]]:
    """(code, key, sentence) of every problem of the file with some mistakes."""
    lines = list(VALID)
    for mistake in mistakes:
        lines[LINES[mistake.key]] = mistake.text or "# gone"
    try:
        parse_rules("\n".join(lines), "f", JOB)
    except InvalidConfigError as error:
        return {(problem.code, problem.key, problem.text) for problem in error.problems}
    return set()


ALONE = {mistake: told([mistake]) for mistake in MISTAKES}


def are_independent(mistakes: list[Mistake]) -> bool:
    """Whether no mistake breaks what another one is about."""
    return all(
        one.key != other.key and one.key not in other.needs and other.key not in one.needs
        for one, other in combinations(mistakes, 2)
    )


def test_the_file_is_right() -> None:
    assert told([]) == set()


@pytest.mark.parametrize("mistake", MISTAKES, ids=[f"{m.key}-{m.text}" for m in MISTAKES])
def test_one_mistake_is_told_once(mistake: Mistake) -> None:
    assert [(code, key) for code, key, _ in ALONE[mistake]] == [(mistake.code, mistake.told or mistake.key)]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(MISTAKES), min_size=2, max_size=4).filter(are_independent))
def test_independent_mistakes_are_told_in_one_round_and_nothing_else_is(mistakes: list[Mistake]) -> None:
    def without_places(found: set[tuple[str, str, str]]) -> set[tuple[str, str]]:
        return {(code, text) for code, _, text in found}  # a table whose name is wrong is called by its number

    assert without_places(told(mistakes)) == without_places(set().union(*(ALONE[one] for one in mistakes)))


def test_every_required_key_has_a_stand_in() -> None:
    required = {key for key, field in keys(RulesDocument) if field.is_required() and not key.startswith(SHARED)}
    known = {key.replace("[]", "") for key in STAND_INS} | {"tiers" + key[11:] for key in STAND_INS if "tiers[]" in key}
    assert required <= known
