"""Whatever file is given, a stranger gets a sentence: bounded, harmless to a terminal, about what is wrong."""

from pathlib import Path

import pytest

from streams.runtime.config.problems import MOST_SHOWN, InvalidConfigError
from streams.runtime.rules.load import load_rules, parse_rules
from streams.runtime.rules.text import MOST_BYTES, read_text
from tests.unit.rules.job_of_rules import JOB

SLO = '[[slo]]\nname = "a"\ntarget = 0.9\nrunbook = "x"\n'


def told(text: str) -> list[str]:
    """Every line that is said of a text."""
    with pytest.raises(InvalidConfigError) as raised:
        parse_rules(text, "f", JOB)
    return str(raised.value).splitlines()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('schema = 1\n"[key]" = 1', ['f:2: E103 "[key]": unknown key "[key]". Known here: aliases,']),
        (
            'schema = 1\n[defaults.labels]\n"[key]" = 1',
            [
                'f:3: E116 defaults.labels."[key]": 1 is not text in quotes.',
                'f:3: E117 defaults.labels."[key]": "[key]" cannot be a label.',
            ],
        ),
        (
            'schema = 1\n"a\\nb\\u001b[2J\\u202e" = 1',
            [r'f:2: E103 "a\nb\x1b[2J\u202e": unknown key "a\nb\x1b[2J\u202e".'],
        ),
        ("schema = 1\nschema = 1", ["f:2: E114 not TOML: a key is there twice: Cannot overwrite a value."]),
        ("schema = 1\n[defaults]\n[defaults]", ["f:3: E114 not TOML: Cannot declare [defaults] twice."]),
        ("", ['f:1: E115 schema: the key "schema" is missing. Write schema = 1 above everything else.']),
        (
            'schema = 1\nslo = [3, { name = "a", target = "x", runbook = "x" }]',
            ["f:2: E116 slo.a.target: 'x' is not a number.", "f:2: E116 slo[0]: not a table."],
        ),
        (
            f"schema = 1\n{SLO}" + 'summary = "{clas} {model:.1f} {value!r}"',
            [
                'f:6: E117 slo.a.summary: "{clas}" cannot be shown. Did you mean "class"?',
                'f:6: E117 slo.a.summary: "{model:.1f}" cannot be shown so.',
                'f:6: E117 slo.a.summary: "{value:}" cannot be shown so.',
            ],
        ),
        (
            f'schema = 1\n{SLO}match = {{ segment = {{ region = 3 }}, class = "oh" }}\nby = ["segment.region"]',
            [
                'f:6: E108 slo.a.match.class: class "oh" is not in the catalogue of fraud-clf and of the other',
                'f:6: E116 slo.a.match."segment.region": 3 is not text in quotes.',
            ],
        ),
        (
            f'schema = 1\n{SLO}match = {{ "segment." = "x" }}',
            ['f:6: E103 slo.a.match."segment.": "segment." is no label that alerts have.'],
        ),
    ],
)  # fmt: skip
def test_odd_files_are_told_like_any_other(text: str, lines: list[str]) -> None:
    found = told(text)
    assert [line[: len(begin)] for line, begin in zip(found, lines, strict=True)] == lines


def test_a_key_or_value_without_end_is_cut() -> None:
    (line,) = told(f"schema = 1\n{'k' * 10_000} = 1")
    assert len(line) < 400
    assert f"{'k' * 60}..." in line
    (line,) = told(f'schema = 1\n{SLO}summary = "{"x" * 10_000}"')
    assert len(line) < 200


def test_thousands_of_problems_are_counted_and_the_first_ones_shown() -> None:
    text = "schema = 1\n[defaults.labels]\n" + "".join(f"key{n} = {n}\n" for n in range(5_000))
    lines = told(text)
    assert len(lines) == MOST_SHOWN + 1
    assert lines[-1] == "f: and 4,800 more problems. Mend these first."
    with pytest.raises(InvalidConfigError) as raised:
        parse_rules(text, "f")
    assert len(raised.value.problems) == 5_000  # tools get all


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    path.write_bytes(b"#" * MOST_BYTES)
    assert len(read_text(path)) == MOST_BYTES
    path.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(InvalidConfigError, match=r"long\.toml:1: E113 the file is longer than 4,000,000 bytes"):
        load_rules(path)


def test_a_name_that_no_file_can_have_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfigError, match="E113 no file can be called so"):
        load_rules(tmp_path / "a\0b.toml")
    with pytest.raises(InvalidConfigError, match="E113 the file cannot be read: Is a directory"):
        load_rules(tmp_path)


def test_a_rule_without_a_name_may_be_the_one_that_is_meant() -> None:
    rollup = '[[rollup]]\nname = "r"\nof = "a"\nwhen = "firing_classes >= 3"\nrunbook = "x"\n'
    assert [line.split()[1] for line in told(f"schema = 1\n{SLO.replace('name', 'nme')}{rollup}")] == ["E103"]
    assert [line.split()[1] for line in told(f"schema = 1\n{SLO.replace('slo', 'slos')}{rollup}")] == ["E103"]
    other = SLO.replace('"a"', '"b"')
    assert [line.split()[1] for line in told(f"schema = 1\n{other}{rollup}")] == ["E124"]
