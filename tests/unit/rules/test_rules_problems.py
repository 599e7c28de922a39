"""Every way in which a rules file can be wrong has its line, code, name and sentence; all of them at once.

`wrong_files.txt` has the files, a blank line between them, and below each one what is said of it. One problem of each
code is there.
"""

import re
from pathlib import Path

import pytest

from streams.runtime.config.job import Config
from streams.runtime.config.problems import InvalidConfigError, Problem
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.load import load_rules, parse_rules
from tests.unit.rules.job_of_rules import JOB

WRONG = Path(__file__).with_name("wrong_files.txt").read_text()


def problems_of(text: str, job: Config | None = JOB) -> tuple[Problem, ...]:
    """The problems of a text, or else its warnings."""
    try:
        return parse_rules(text, "r", job).warnings
    except InvalidConfigError as error:
        return error.problems


def told(text: str, job: Config | None = JOB) -> list[str]:
    """What is said of a text, without the name of the file."""
    return [problem.written("r").removeprefix("r:") for problem in problems_of(text, job)]


def cases() -> list[tuple[str, list[str]]]:
    blocks = [block.splitlines() for block in re.split(r"\n\n", WRONG.strip())]
    return [
        (
            "\n".join(line for line in block if not line.startswith(">> ")),
            [line.removeprefix(">> ") for line in block if line.startswith(">> ")],
        )
        for block in blocks
    ]


CASES = cases()


@pytest.mark.parametrize(("text", "messages"), CASES, ids=[messages[0].split()[1] for _, messages in CASES])
def test_a_wrong_file_is_told_in_full(text: str, messages: list[str]) -> None:
    assert messages
    assert told(text) == messages


def test_every_code_has_a_wrong_file() -> None:
    files = set(re.findall(r"^>> \d+: ([EW]\d+) ", WRONG, re.MULTILINE))
    elsewhere = {RuleCode.UNREADABLE, RuleCode.FEW_EVENTS, RuleCode.FALSE_PAGES, RuleCode.MATCHES_NOTHING}
    assert files == {code.value for code in RuleCode} - elsewhere


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "no.toml"
    with pytest.raises(InvalidConfigError) as raised:
        load_rules(path)
    assert str(raised.value) == f"{path}:1: E113 the file cannot be read: No such file or directory. Name a TOML file."


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes("schema = 1\nx = 'é'".encode("latin-1"))
    with pytest.raises(InvalidConfigError) as raised:
        load_rules(path)
    assert str(raised.value) == f"{path}:2: E114 not UTF-8, which TOML must be. Save the file as UTF-8."


def test_without_a_job_nothing_is_asked_that_depends_on_one() -> None:
    text = (
        'schema = 1\n[[rule]]\nname = "gap"\nmetric = "group_gap"\nwindow = "7h"\ndimension = "age"\n'
        'match = { class = "x", "segment.age" = "old" }\nby = ["class"]\nfire_when = "value > 0.2"\n'
    )
    assert [problem.code for problem in problems_of(text, None)] == [RuleCode.GROUPING] * 3
    codes = {problem.code for problem in problems_of(text)}
    assert codes == {RuleCode.GROUPING, RuleCode.WINDOW, RuleCode.DIMENSION, RuleCode.CLASS}


def test_what_is_wrong_in_one_table_hides_nothing_in_the_others() -> None:
    text = (
        'schema = 2\nnonsense = 1\n[defaults]\nstep = "10m"\nperiods = 1\n'
        '[[slo]]\nname = "a"\ntarget = "high"\n'
        '[[rule]]\nname = "b"\nmetric = "accuracy"\nwindow = "15m"\nfor = 3\nfire_when = "value <"\n'
        '[[rollup]]\nname = "c"\nof = "a"\nwhen = "firing_share >= 0.5"\nrunbook = "x"\n'
    )
    places = [" ".join(message.split()[:2]) for message in told(text)]
    assert places == ["1: E117", "2: E103", "5: E103", "6: E107", "8: E116", "12: E105", "13: E118", "14: E119"]


def test_a_key_that_is_wrong_in_itself_is_not_missed_elsewhere() -> None:
    tiers = 'schema = 1\n[[slo]]\nname = "a"\ntarget = 0.9\ntiers = [{ name = "x" }]\n'
    assert {problem.code for problem in problems_of(tiers)} == {RuleCode.MISSING_KEY, RuleCode.CONFLICT}
    severity = 'schema = 1\n[[rollup]]\nname = "a"\nof = "b"\nwhen = "firing_share > 0"\nseverity = 1\n'
    assert {problem.code for problem in problems_of(severity)} == {RuleCode.WRONG_VALUE, RuleCode.UNKNOWN_RULE}
    aliases = 'schema = 1\naliases = 3\n[[canary]]\nname = "a"\nmodel = "m"\nbaseline = "alias:champion"\n'
    assert {problem.code for problem in problems_of(aliases)} == {RuleCode.WRONG_TYPE}


def test_a_number_of_thousands_of_digits_is_no_toml() -> None:
    (problem,) = problems_of(f"schema = {'9' * 5000}")
    assert problem.code == RuleCode.SYNTAX
    assert problem.text.startswith("not TOML: Exceeds the limit")


def test_rules_that_no_record_holds_are_refused_at_once() -> None:
    text = "schema = 1\n" + "".join(f'[[slo]]\nname = "s{n}"\ntarget = 0.9\nrunbook = "r"\n' for n in range(1_000))
    with pytest.raises(
        InvalidConfigError, match=r"rules\.toml:1: E117 compiled, the rules are 1,.* bytes, and at most 900,000"
    ):
        parse_rules(text, "rules.toml")
