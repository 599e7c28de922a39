"""`streams test`: cases of rules through the real fold, and what is wrong with a file of cases."""

import json
import re
from pathlib import Path

import pytest

from streams.cli.main import main
from streams.runtime.config.problems import InvalidConfigError
from streams.runtime.rules.cases import parse_cases

FOLDER = Path(__file__).parents[1] / "rules"
CASE = (
    '[[case]]\nname = "a"\nslo = "recall"\nlabels = { model = "fraud-clf", version = "1", class = "x" }\n'
    "counts = [{ steps = 12, n = 4, fn = 0 }, { steps = 12, n = 4, fn = 2 }]\n"
)
TOLD = "told is recall firing (page, fast) at 1h50m"


def test_every_kind_of_case_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(FOLDER / "whole.test.toml")]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("ok      fast burn pages once and resolves\n")
    assert shown.endswith("\n9 passed, 0 failed\n")


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    (tmp_path / "rules.toml").write_text((FOLDER / "whole.toml").read_text())
    return tmp_path / "rules.test.toml"


@pytest.mark.parametrize(
    ("expect", "sentences"),
    [
        ("[]", ["telling 1: expected nothing more; told is recall firing (page, fast) at 1h50m"]),
        (
            '[{ kind = "firing", severity = "ticket", between = ["1h", "2h"] }]',
            [f"telling 1: expected recall firing (ticket) between 1h and 2h; {TOLD}"],
        ),
        (
            '[{ kind = "firing", between = ["1h", "1h40m"] }]',
            ["telling 1: expected recall firing between 1h and 1h40m; told is recall firing (page, fast) at 1h50m"],
        ),
        (
            '[{ kind = "firing", between = ["1h", "2h"] }, { kind = "resolved", between = ["1h", "2h"] }]',
            ["telling 2: expected recall resolved between 1h and 2h; nothing more is told"],
        ),
        (
            '[{ kind = "firing", between = ["1h", "2h"], rule = "recall/no-data" }]',
            [f"telling 1: expected recall/no-data firing between 1h and 2h; {TOLD}"],
        ),
        ('[{ kind = "firing", tier = "fast", between = ["1h50m", "1h50m"] }]', []),
    ],
)
def test_anything_more_or_less_fails(
    cases: Path, expect: str, sentences: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    cases.write_text(f"{CASE}expect = {expect}\n")
    assert main(["test", str(cases), "--json"]) == (1 if sentences else 0)
    told = json.loads(capsys.readouterr().out)
    assert told == {"ok": not sentences, "cases": [{"name": "a", "ok": not sentences, "differences": sentences}]}
    main(["test", str(cases)])
    assert capsys.readouterr().out.splitlines()[1:-1] == [f"        {sentence}" for sentence in sentences]


def test_a_restart_anywhere_tells_the_same(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expect = 'expect = [{ kind = "firing", between = ["1h50m", "1h50m"] }]\n'
    cases.write_text("".join(f"{CASE}restart_at = {step}\n{expect}" for step in range(24)))
    assert main(["test", str(cases)]) == 0
    assert capsys.readouterr().out.endswith("24 passed, 0 failed\n")


def test_the_job_says_when_windows_settle_and_which_dimensions_there_are(
    cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = cases.with_name("job.toml")
    segments = '[[predictions]]\ntopic = "p"\nsegments = { region = "value.r" }\n'
    job.write_text(f'{segments}[windows]\nsettle = "8h"\n')
    cases.write_text(f'{CASE}expect = [{{ kind = "firing", severity = "ticket", between = ["1h", "2h"] }}]\n')
    assert main(["test", str(cases), "-c", str(job)]) == 0  # the age rule
    job.write_text(segments)
    assert main(["test", str(cases), "-c", str(job)]) == 1
    capsys.readouterr()
    cases.write_text(CASE.replace("class =", '"segment.place" = "eu", class =') + "expect = []\n")
    assert main(["test", str(cases), "-c", str(job)]) == 78
    assert capsys.readouterr().err == f'{cases}: case "a": "place" is not a dimension of {job}.\n'


def test_the_rules_are_named_found_beside_or_missing(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = cases.with_name("cases.toml")
    text = f'{CASE}expect = [{{ kind = "firing", between = ["1h", "2h"] }}]\n'
    other.write_text(f'rules = "rules.toml"\n{text}')
    assert main(["test", str(other)]) == 0
    other.write_text(text)
    assert main(["test", str(other), "-r", str(cases.with_name("rules.toml"))]) == 0
    capsys.readouterr()
    assert main(["test", str(other)]) == 78
    assert "says nothing of which rules it is about" in capsys.readouterr().err
    cases.write_text(text.replace('slo = "recall"', 'rule = "recall"'))
    assert main(["test", str(cases)]) == 78
    told = (
        'case "a": there is no rule "recall" (there are balanced-accuracy-low). '
        'It is one of [[slo]]: write slo = "recall".'
    )
    assert capsys.readouterr().err == f"{cases}: {told}\n"


WRONG = [
    ("case = 3", "1: E116 case: 3 is not a list in [ ]. Write a list in [ ]."),
    ("x = ", "1: E114 not TOML: Invalid value. Nothing after it was read. Mend it first."),
    (CASE, '1: E115 case[0].expect: the key "expect" is missing and has no default. Add it.'),
    (f"{CASE}expect = []\nexpct = 1", '7: E103 case[0].expct: unknown key "expct". Did you mean "expect"?'),
    (f"{CASE}expect = []\nno_data = [3, 3]", "7: E117 case[0].no_data[0]: [3, 3] is no range of steps."),
    (f"{CASE}expect = []\nmute = 3", "7: E117 case[0].mute: 3 is no range of steps."),
    (
        f"{CASE}expect = []\nmute = [20, 30]",
        "1: E129 case[0]: step 30 is asked for, and the counts of the case are 24 steps.",
    ),
    (f"{CASE}expect = []\nrestart_at = 25", "1: E129 case[0]: step 25 is asked for, and the counts"),
    (
        f"{CASE}expect = []\nrevise = {{ steps = [2, 9], at = 5, n = 3 }}",
        "7: E129 case[0].revise.at: at step 5 the steps up to 8 are not over.",
    ),
    (
        f'{CASE}expect = [{{ kind = "fired", between = ["1h", "2h"] }}]',
        "6: E117 case[0].expect[0].kind: 'fired' is not",
    ),
    (
        f'{CASE}expect = [{{ kind = "firing", between = ["3h", "2h"] }}]',
        "6: E129 case[0].expect[0].between: the second",
    ),
    (
        f'{CASE}expect = [{{ kind = "firing", between = ["3x", "2h"] }}]',
        "6: E118 case[0].expect[0].between[0]: '3x' is not",
    ),
    (f'{CASE}rule = "x"\nexpect = []', "1: E129 case[0]: a case is about one rule."),
    (CASE.replace("fn = 2", "fn = 5") + "expect = []", "5: E129 case[0].counts[1].fn: 5 misses of 4 labels"),
    (
        CASE.replace('model = "fraud-clf", ', "") + "expect = []",
        '4: E115 case[0].labels: the label "model" is missing.',
    ),
    (CASE.replace("class =", "klass =") + "expect = []", '4: E103 case[0].labels.klass: "klass" is no label'),
]


@pytest.mark.parametrize(("text", "told"), WRONG, ids=[told.partition(": ")[2][:30] for _, told in WRONG])
def test_a_wrong_file_of_cases_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(InvalidConfigError) as raised:
        parse_cases(text, "f")
    assert re.fullmatch(re.escape(f"f:{told}") + ".*", str(raised.value).splitlines()[0])


def test_what_is_wrong_in_one_case_hides_nothing_of_the_others() -> None:
    text = (
        f"{CASE}expect = []\nmute = [20, 30]\n"
        '[[case]]\nname = 3\nslo = "a"\nrule = "b"\nlabels = { version = "1" }\ncounts = []\nexpect = []\n'
        '[[case]]\nname = "c"\nsloo = "a"\nlabels = { mdl = "m", klass = "x" }\ncounts = [{ steps = 1 }]\nexpect = []\n'
    )
    with pytest.raises(InvalidConfigError) as raised:
        parse_cases(text, "f")
    assert [(one.line, one.code, one.key) for one in raised.value.problems] == [
        (1, "E129", "case[0]"),
        (8, "E129", "case[1]"),
        (9, "E116", "case[1].name"),
        (12, "E115", "case[1].labels"),
        (13, "E117", "case[1].counts"),
        (17, "E103", "case[2].sloo"),
        (18, "E103", "case[2].labels.klass"),
        (18, "E103", "case[2].labels.mdl"),
    ]


def test_every_case_without_its_rule_is_told_at_once(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases.write_text((CASE + "expect = []\n").replace('"recall"', '"recal"') * 2)
    assert main(["test", str(cases)]) == 78
    assert capsys.readouterr().err.count('there is no slo "recal" (there are recall).') == 2


def test_wrong_cases_and_wrong_rules_are_told_together(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = cases.with_name("rules.toml")
    rules.write_text("schema = 2\n")
    cases.write_text("case = 3\n")
    assert main(["test", str(cases), "-r", str(rules)]) == 78
    assert [line.split()[:2] for line in capsys.readouterr().err.splitlines()] == [
        [f"{cases}:1:", "E116"],
        [f"{rules}:1:", "E117"],
    ]


def test_the_name_of_a_case_does_nothing_to_a_terminal(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases.write_text(f"{CASE}expect = []\n".replace('"a"', r'"a\u001b[31m\nb"').replace("fn = 2", "fn = 0"))
    assert main(["test", str(cases)]) == 0
    assert capsys.readouterr().out.startswith("ok      a\\x1b[31m\\nb\n")


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(tmp_path / "no.toml")]) == 78
    assert "E113 the file cannot be read: No such file or directory" in capsys.readouterr().err
