"""Whatever stands in a file: rules come out, or problems with lines, codes and sentences; never anything else."""

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.alerts.rules.conditions import OF_RULES, ConditionError, parse_condition, written
from streams.runtime.config.problems import InvalidConfigError
from streams.runtime.rules.cases import parse_cases
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.load import parse_rules
from tests.unit.rules.job_of_rules import JOB

FOLDER = Path(__file__).parent
WHOLE = (FOLDER / "whole.toml").read_text().splitlines()
CASES = (FOLDER / "whole.test.toml").read_text().splitlines()
KNOWN = {code.value for code in RuleCode}

VALUES = st.sampled_from([
    "1", "-1", "0", "1e308", "nan", "inf", "true", '""', '"*"', '"!"', '"a|b"', '"5m"', '"0s"', '"99999999d"', "[]",
    "{}", "[[1]]", '["x"]', "{ a = 1 }", "2026-01-01T00:00:00Z", "2026-01-01", '"alias:x"',
    '"{"', '"value < 1"', '"\\u0000"',
])  # fmt: skip


@st.composite
def mangled(draw: st.DrawFn, lines: list[str]) -> str:
    """A file with some lines left out, said twice, cut, or given another value."""
    out = list(lines)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(out) - 1))
        what = draw(st.sampled_from(["drop", "twice", "value", "value", "value", "key", "cut", "header"]))
        key, sign, _ = out[at].partition("=")
        if what == "drop" and len(out) > 1:
            del out[at]
        elif what == "twice":
            out.insert(at, out[at])
        elif what == "value" and sign:
            out[at] = f"{key}= {draw(VALUES)}"
        elif what == "key" and sign:
            out[at] = f"{key.strip()}{draw(st.sampled_from(['s', '.x', '_']))} ={out[at].partition('=')[2]}"
        elif what == "header":
            kinds = ["slo", "rule", "drift", "rollup", "canary", "mute", "retrain", "defaults", "case", "slo.tiers"]
            name = draw(st.sampled_from(kinds))
            out.insert(at, draw(st.sampled_from([f"[{name}]", f"[[{name}]]"])))
        else:
            out[at] = out[at][: draw(st.integers(0, len(out[at])))]
    return "\n".join(out)


def check(error: InvalidConfigError, text: str) -> None:
    assert error.problems
    for problem in error.problems:
        assert problem.code in KNOWN
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.text.strip().endswith((".", "?"))
        assert "\n" not in problem.text


@settings(max_examples=150, deadline=None)
@given(mangled(WHOLE))
def test_a_mangled_file_is_rules_or_problems(text: str) -> None:
    try:
        rules = parse_rules(text, "f", JOB).rules
    except InvalidConfigError as error:
        check(error, text)
    else:
        assert re.fullmatch(r"[0-9a-f]{16}", rules.hash)


@settings(max_examples=60, deadline=None)
@given(mangled(CASES))
def test_mangled_cases_are_cases_or_problems(text: str) -> None:
    try:
        parse_cases(text, "f")
    except InvalidConfigError as error:
        check(error, text)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_rules_or_problems(text: str) -> None:
    try:
        parse_rules(text, "f")
    except InvalidConfigError as error:
        check(error, text)


WORDS = [
    *OF_RULES,
    "(",
    ")",
    "and",
    "or",
    "<",
    "<=",
    ">",
    ">=",
    "=",
    "0.5",
    "-1",
    "5m",
    "(baseline)",
    "delta(baseline)",
    "",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=20))
def test_any_text_is_a_condition_or_a_sentence(text: str) -> None:
    try:
        condition = parse_condition(text, OF_RULES)
    except ConditionError as error:
        refused_at = error.at
    else:
        refused_at = 1
        assert parse_condition(written(condition), OF_RULES) == condition
    assert 1 <= refused_at <= len(text) + 1
