"""What the text of rules becomes: the reference's example, defaults, patterns, runbooks, aliases, hashes."""

import re
from pathlib import Path

import msgspec
import pytest

from streams.alerts.rules.model import (
    AUTO_TIERS,
    DAY,
    HOUR,
    MINUTE,
    About,
    AnyOf,
    Canary,
    Comparison,
    Mute,
    NoData,
    Op,
    RuleSet,
    Severity,
    Tier,
    Weekly,
)
from streams.quality.drift.finding import Kind
from streams.runtime.config.job import load, parse
from streams.runtime.config.problems import InvalidConfigError
from streams.runtime.rules.load import DEFAULT_RULES, load_rules, parse_rules
from tests.unit.rules.job_of_rules import JOB

ROOT = Path(__file__).parents[3]
WHOLE = (Path(__file__).with_name("whole.toml")).read_text()


def rules_of(text: str) -> RuleSet:
    return parse_rules(f"schema = 1\n{text}", "r.toml").rules


def test_the_whole_example_becomes_rules() -> None:
    loaded = parse_rules(WHOLE, "whole.toml", JOB)
    rules = loaded.rules
    assert loaded.warnings == ()
    (slo,), (rule,), (rollup,), (canary,) = rules.slos, rules.rules, rules.rollups, rules.canaries
    assert slo.match == (("model", "fraud-clf"),)
    assert (slo.target, slo.target_of("chargeback"), slo.tiers) == (0.9, 0.8, AUTO_TIERS)
    assert slo.about.labels == (("team", "fraud-ml"),)
    assert (rule.by, rule.window_ms, rule.min_support, rule.for_ms) == (("segment.region",), 6 * HOUR, 30, 15 * MINUTE)
    assert rule.fire_when == Comparison("upper95", Op.LT, 0.85)
    assert rule.resolve_when == Comparison("value", Op.GE, 0.87)
    assert rule.about.runbook == "https://runbooks.example.com/quality/balanced-accuracy-low"
    assert rule.about.labels == (("surface", "checkout"), ("team", "fraud-ml"))
    assert rule.no_data == slo.no_data == NoData(2 * HOUR, Severity.TICKET, None)
    assert rollup.when == AnyOf((Comparison("firing_classes", Op.GE, 3), Comparison("firing_share", Op.GE, 0.5)))
    assert (rollup.severity, rollup.about.runbook) == (
        Severity.PAGE,
        "https://runbooks.example.com/quality/model-version-degraded",
    )
    assert (canary.candidate, canary.baseline, canary.test) == ("42", "41", "always_valid")
    assert rules.mutes == (
        Mute(
            "weekly-reindex",
            (("model", "fraud-clf"),),
            weekly=Weekly(6, 120, 240, "Europe/Berlin"),
            budget="exclude",
            reason="feature store reindex",
        ),
    )
    (retrain,) = rules.retrains
    assert (retrain.slices_bad, retrain.slices, retrain.slice_ms, retrain.cooldown_ms) == (3, 5, DAY, 7 * DAY)


def test_comments_spaces_and_order_are_no_other_rules() -> None:
    one = rules_of('[[mute]]\nname = "a"\nweekly = { day = "mon", from = "01:00", to = "02:00", zone = "UTC" }\n')
    two = rules_of(
        '# more\n[[mute]]\nweekly = { zone = "UTC", day = "Monday", to = "02:00", from = "01:00" } # here\n'
        'name="a"\nmatch = { model = "*" }\nclock = "event"\n'
    )
    assert one.hash == two.hash
    assert len(one.hash) == 16
    drift = '[[drift]]\nname = "{}"\nkinds = ["score", "label"]\n'
    assert rules_of(drift.format("a") + drift.format("b")) == rules_of(drift.format("b") + drift.format("a"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("target  = 0.90", "target  = 0.91"),
        ('step         = "5m"', 'step         = "15m"'),
        ("{class} recall", "{class}: recall"),
        ('"value >= 0.87"', '"value >= 0.88"'),
        ('champion = "41"', 'champion = "40"'),
        ('class   = "*"', 'class   = "!ok"'),
        ('budget = "exclude"', 'budget = "count"'),
    ],
)
def test_another_meaning_is_another_hash(old: str, new: str) -> None:
    assert old in WHOLE
    assert parse_rules(WHOLE.replace(old, new), "r").rules.hash != parse_rules(WHOLE, "r").rules.hash


def test_rules_survive_the_log() -> None:
    rules = parse_rules(WHOLE, "r").rules
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(rules), type=RuleSet) == rules
    assert msgspec.json.decode(msgspec.json.encode(rules), type=RuleSet) == rules


def test_patterns_select_labels_and_what_selects_everything_is_left_out() -> None:
    rules = rules_of(
        '[[slo]]\nname = "a"\ntarget = 0.5\nmodel = "!shadow"\nby = ["class", "segment.region", "version"]\n'
        'match = { version = "*", segment.region = "eu|us" }\nrunbook = "x"\n'
    )
    assert rules.slos[0].match == (("model", "!shadow"), ("segment.region", "eu|us"))
    assert rules.slos[0].by == ("segment.region",)


@pytest.mark.parametrize(
    ("base", "runbook", "address"),
    [
        (None, "Here", "docs/runbooks/Here.md"),
        (None, None, None),
        (None, "https://x.example/a", "https://x.example/a"),
        ("https://x.example/q", None, "https://x.example/q/low"),
        ("https://x.example/q/", "Here", "https://x.example/q/Here"),
        ("https://x.example/{name}.md#top", "Here", "https://x.example/Here.md#top"),
        ("https://x.example/q", "http://y.example/b", "http://y.example/b"),
    ],
)
def test_a_runbook_is_a_whole_address(base: str | None, runbook: str | None, address: str | None) -> None:
    defaults = "" if base is None else f'[defaults]\nrunbook_base = "{base}"\n'
    own = "" if runbook is None else f'runbook = "{runbook}"\n'
    text = f'{defaults}[[drift]]\nname = "low"\nkinds = ["*"]\n{own}'
    assert rules_of(text).drifts[0].about == About(None, address, ())


def test_explicit_tiers_and_defaults_of_a_budget() -> None:
    rules = rules_of(
        '[defaults]\nperiod = "14d"\nready = { label_completeness = 0.5 }\nmax_page_age = "2h"\n'
        '[defaults.no_data]\nresolve_after = "1d"\n'
        '[[slo]]\nname = "a"\ntarget = 0.9\nno_data = { for = "1h" }\n'
        'tiers = [{ name = "one", severity = "ticket", long = "1h", short = "5m", alpha = 1e-3, burn = 3.7 }]\n'
        '[[slo]]\nname = "b"\ntarget = 0.9\nsli = "precision"\nno_data = { enabled = false }\n'
        'tiers = [{ name = "one", severity = "ticket", long = "2h", short = "5m", alpha = 0.1, drop = 0.1, '
        'for = "5m" }]\n'
    )
    a, b = rules.slos
    assert a.tiers == (Tier("one", Severity.TICKET, HOUR, 5 * MINUTE, 1e-3, None, 3.7),)
    assert b.tiers == (Tier("one", Severity.TICKET, 2 * HOUR, 5 * MINUTE, 0.1, 0.1, None, 5 * MINUTE),)
    assert (a.period_ms, a.ready, a.no_data) == (14 * DAY, 0.5, NoData(HOUR, Severity.TICKET, DAY))
    assert (b.sli, b.no_data) == ("precision", None)
    assert rules.max_page_age_ms == 2 * HOUR


def test_a_gate_has_its_defaults_and_every_test() -> None:
    text = '[[canary]]\nname = "{0}"\nmodel = "m"\ntest = "{0}"\ndesign = "shadow"\n'
    for test in ("always_valid", "fixed"):
        assert rules_of(text.format(test)).canaries == (Canary(test, "m", test=test, design="shadow"),)
    assert rules_of('[[canary]]\nname = "x"\nmodel = "m"\ntest = "obf:24"\n').canaries[0].test == "obf:24"
    assert rules_of('[[canary]]\nname = "x"\nmodel = "m"\nclass = "!rare"\n').canaries[0].cls == "!rare"


def test_the_classes_of_a_gate_are_those_of_the_job() -> None:
    job = parse('[classes]\nexpected = ["ok", "rare"]\n', "j.toml", {})
    text = 'schema = 1\n[[canary]]\nname = "x"\nmodel = "m"\nclass = "!rrae"\n'
    with pytest.raises(InvalidConfigError, match='class "rrae" is not in the catalogue'):
        parse_rules(text, "r.toml", job)


def test_the_step_is_the_pane_where_that_is_coarse_and_windows_nobody_wrote_fit_it() -> None:
    odd = parse('[windows]\npane = "7m"\nsizes = ["7h"]\n', "j.toml", {})
    slo = 'schema = 1\n[[slo]]\nname = "a"\ntarget = 0.9\nrunbook = "x"\n'
    rules = parse_rules(slo, "r.toml", odd).rules
    assert rules.step_ms == 7 * MINUTE
    lengths = {ms for tier in rules.slos[0].tiers for ms in (tier.long_ms, tier.short_ms, tier.keep_firing_ms)}
    assert not any(ms % rules.step_ms for ms in lengths)
    assert all(tier.short_ms < tier.long_ms for tier in rules.slos[0].tiers)
    assert not any(ms % rules.step_ms for ms in (rules.heartbeat_ms, rules.retire_after_ms))
    hourly = parse('[windows]\npane = "1h"\nsizes = ["24h"]\n', "j.toml", {})
    tiers = parse_rules(slo, "r.toml", hourly).rules.slos[0].tiers
    assert all(tier.short_ms < tier.long_ms for tier in tiers)


@pytest.mark.parametrize("windows", ["", 'pane = "7m"\nsizes = ["7h"]', 'pane = "2h"\nsizes = ["24h/2h"]'])
def test_the_rules_that_come_with_a_job_suit_any_job(windows: str) -> None:
    config = parse(f"[windows]\n{windows}\n", "j.toml", {})
    loaded = load_rules(None, config)
    assert (loaded.file, loaded.warnings) == (DEFAULT_RULES, ())
    assert config.alerts.rules == loaded.rules
    severities = {drift.severity for drift in loaded.rules.drifts} | {rule.severity for rule in loaded.rules.rules}
    assert severities == {Severity.TICKET}
    assert loaded.rules.slos == ()
    kinds = {name for drift in loaded.rules.drifts for pattern in drift.kinds for name in pattern.split("|")}
    assert {kind.value for kind in Kind} - kinds == {"skew"}
    assert [rule.metric for rule in loaded.rules.rules if rule.no_data] == ["label_completeness"]
    assert all(drift.about.runbook for drift in loaded.rules.drifts)
    assert all(rule.about.runbook for rule in loaded.rules.rules)


def test_the_rules_that_come_with_a_job_listen_to_long_windows_of_everything() -> None:
    def drifts(windows: str) -> set[tuple[tuple[str, ...], tuple[tuple[str, str], ...]]]:
        segments = '[[predictions]]\ntopic = "p"\nsegments = { region = "value.r", channel = "value.c" }\n'
        config = parse(f"{segments}[windows]\nsizes = {windows}\n", "j.toml", {})
        return {(drift.windows, drift.match) for drift in config.alerts.rules.drifts}

    match = (("segment.channel", ""), ("segment.region", ""))
    assert drifts('["1h", "24h", "7d", "24h/1h"]') == {(("24h", "7d"), match)}
    assert drifts('["15m", "1h"]') == {(("1h",), match)}
    assert drifts('["24h/1h"]') == {(("*",), match)}


def test_windows_that_are_long_enough_are_those_of_the_patterns() -> None:
    text = 'schema = 1\n[[drift]]\nname = "d"\nkinds = ["*"]\nwindows = ["!7d"]\nmin_window = "2h"\n'
    job = parse('[windows]\nsizes = ["1h", "24h", "7d"]\n', "j.toml", {})
    assert parse_rules(text, "r", job).rules.drifts[0].windows == ("24h",)
    assert parse_rules(text, "r").rules.drifts[0].windows == ("!7d",)


def test_the_copy_in_deploy_says_the_same() -> None:
    job = load(None, {})
    assert load_rules(ROOT / "deploy" / "rules.toml", job).rules == load_rules(None, job).rules


def test_a_lack_of_labels_speaks_for_the_other_tickets_of_a_job_without_rules() -> None:
    rules = load_rules(None, load(None, {})).rules.rules
    assert [(rule.name, rule.inhibits, rule.severity) for rule in rules] == [
        ("label-completeness-low", "model", Severity.TICKET)
    ]


def test_the_examples_in_deploy_can_be_used() -> None:
    text = (ROOT / "deploy" / "rules.toml").read_text()
    used = "\n".join(re.sub(r"^#(?=[^ #])", "", line) for line in text.splitlines() if not re.match(r"^# |^#$", line))
    rules = parse_rules(used, "deploy/rules.toml", load(None, {})).rules
    for kind in (rules.slos, rules.rules, rules.drifts, rules.rollups, rules.canaries, rules.mutes, rules.retrains):
        assert kind


def test_a_job_names_its_rules_beside_its_own_file(tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text('[alerts]\nrules = "more/rules.toml"\nenabled = false\n')
    with pytest.raises(InvalidConfigError) as raised:
        load(job, {})
    assert str(raised.value).startswith(
        f'{job}:2: C101 alerts.rules: there is no file "{tmp_path / "more/rules.toml"}"'
    )
    rules = tmp_path / "more" / "rules.toml"
    rules.parent.mkdir()
    rules.write_text('schema = 1\n[[drift]]\nname = "d"\nkinds = ["skew"]\n')
    config = load(job, {})
    assert (config.alerts.enabled, config.alerts.file) == (False, str(rules))
    assert [drift.name for drift in config.alerts.rules.drifts] == ["d"]
    plain = load(None, {})
    assert (config.quality_hash, config.config_hash) == (plain.quality_hash, plain.config_hash)
    rules.write_text("schema = 1\nnonsense = 2\n[defaults]\nstep = '7m'\n")
    with pytest.raises(InvalidConfigError) as raised:
        load(job, {})
    assert [line.partition(" ")[0] for line in str(raised.value).splitlines()] == [f"{rules}:2:", f"{rules}:4:"]
