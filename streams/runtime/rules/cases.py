"""Tests of rules as they stand in a file: counts in, and every telling that must come out of them, in order."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationError, model_validator

from streams.runtime.config.durations import parse_duration
from streams.runtime.config.lines import LineIndex, index_lines
from streams.runtime.config.problems import InvalidConfigError, Problem, closest, problem, translate
from streams.runtime.config.table import Table
from streams.runtime.rules.codes import OF_JOB, RuleCode
from streams.runtime.rules.text import parse_toml, read_text
from streams.runtime.rules.values import Events, Moment, SeverityName

FIRST_STEP_MS = 1_767_571_200_000
"""Monday, 2026-01-05T00:00Z: where cases begin that do not say when."""

MOST_STEPS = 100_000

_LABELS = ("model", "version", "class")
_KINDS = ("slo", "rule", "rollup")

_LENGTHS = re.compile(r"(?:\d{1,9}(?:ms|s|m|h|d))+")


def _length(value: object) -> int:
    if not isinstance(value, str) or not _LENGTHS.fullmatch(value):
        text = f'{str(value)[:60]!r} is not a length of time. Write one such as "90m" or "1h30m".'
        raise problem(RuleCode.DURATION, text)
    return sum(parse_duration(part) for part in re.findall(r"\d+(?:ms|s|m|h|d)", value))


Length = Annotated[int, PlainValidator(_length)]
"""A length of time, of several parts if need be: "1h20m", in ms."""


def _range(value: object) -> tuple[int, int]:
    steps = value if isinstance(value, list) and all(type(step) is int for step in value) else []
    if len(steps) != 2 or not 0 <= steps[0] < steps[1]:
        text = f"{str(value)[:60]} is no range of steps. Write [first, end]: [12, 24] are the steps 12 to 23, from 0."
        raise problem(RuleCode.WRONG_VALUE, text)
    return steps[0], steps[1]


StepRange = Annotated[tuple[int, int], PlainValidator(_range)]
"""Steps [first, end), counted from 0."""


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _one_range(value: object) -> object:
    """One range, or a list of them."""
    is_one = isinstance(value, list) and any(not isinstance(part, list) for part in value)
    return [value] if is_one or not isinstance(value, list) else value


class OfClass(Table):
    """Labelled predictions of a class in one step: `n` with its label, of which `fn` are missed."""

    n: Events = 0
    fn: Events = 0
    fp: Events = 0  # predicted as the class, with the label of another

    @model_validator(mode="after")
    def _misses_are_labels(self) -> Self:
        if self.fn > self.n:
            text = f"{self.fn} misses of {self.n} labels: there cannot be more. Write n = labels of the class."
            raise problem(RuleCode.CONFLICT, text, ("fn",))
        return self


class RunTable(OfClass):
    """One of `counts`: so many steps that are alike. `classes` are those of other classes than the case's own."""

    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)]
    classes: dict[str, OfClass] = Field(default={})


class ReviseTable(OfClass):
    """`revise`: at step `at` it turns out that steps were otherwise."""

    steps: StepRange
    at: Annotated[int, Field(ge=0, le=MOST_STEPS)]

    @model_validator(mode="after")
    def _it_comes_later(self) -> Self:
        if self.at < self.steps[1]:
            text = f"at step {self.at} the steps up to {self.steps[1] - 1} are not over. Revise them at a later step."
            raise problem(RuleCode.CONFLICT, text, ("at",))
        return self


class ExpectTable(Table):
    """One of `expect`: a telling, and between which times since the first step's begin it comes."""

    kind: Literal["firing", "escalated", "resolved"]
    between: Annotated[list[Length], Field(min_length=2, max_length=2)]
    severity: SeverityName | None = None
    tier: str | None = None
    reason: str | None = None
    rule: str | None = None

    @model_validator(mode="after")
    def _the_times_are_in_order(self) -> Self:
        if self.between[0] > self.between[1]:
            raise problem(RuleCode.CONFLICT, "the second time is before the first. Exchange them.", ("between",))
        return self


def _label(name: str) -> str:
    if name not in _LABELS and not (name.startswith("segment.") and name != "segment."):
        text = f'"{name[:60]}" is no label that alerts have.{closest(name, (*_LABELS, "segment.NAME"))}'
        raise problem(RuleCode.UNKNOWN_KEY, text)
    return name


class CaseTable(Table):
    """`[[case]]`: one history of one alert."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    slo: str | None = None
    rule: str | None = None
    rollup: str | None = None
    labels: dict[Annotated[str, AfterValidator(_label)], Annotated[str, Field(min_length=1)]]
    start_ms: Moment = Field(default=FIRST_STEP_MS, alias="start")
    counts: list[RunTable] = Field(min_length=1, max_length=1000)
    no_data: Annotated[list[StepRange], BeforeValidator(_one_range)] = Field(default=[])
    silent: Annotated[list[StepRange], BeforeValidator(_one_range)] = Field(default=[])
    mute: Annotated[list[StepRange], BeforeValidator(_one_range)] = Field(default=[])
    restart_at: Annotated[list[Annotated[int, Field(ge=0)]], BeforeValidator(_listed)] = Field(default=[])
    revise: Annotated[list[ReviseTable], BeforeValidator(_listed)] = Field(default=[])
    expect: list[ExpectTable]

    @property
    def asked(self) -> str:
        """The name of the rule."""
        return self.slo or self.rule or self.rollup or ""

    @property
    def steps(self) -> int:
        """How many steps it has."""
        return sum(run.steps for run in self.counts)


class CasesDocument(Table):
    """The whole file. `rules` is the file of the rules, relative to it."""

    rules: Annotated[str, Field(min_length=1)] | None = None
    case: list[CaseTable] = Field(min_length=1)


def load_cases(path: Path) -> CasesDocument:
    """The cases in a file. Raises `InvalidConfigError` with every problem."""
    return parse_cases(read_text(path, "a TOML file of cases"), str(path))


def parse_cases(text: str, file: str) -> CasesDocument:
    """The cases in a TOML text. Raises `InvalidConfigError` with every problem."""
    raw, lines = parse_toml(text, file), index_lines(text)
    try:
        document = CasesDocument.model_validate(raw)
    except ValidationError as error:
        found = [translate(detail, CasesDocument, lines) for detail in error.errors(include_url=False)]
        problems = [Problem(p.line, OF_JOB.get(p.code, p.code), p.key, p.text) for p in found]
        unknown = {p.key for p in problems if p.code == RuleCode.UNKNOWN_KEY}
    else:
        problems, unknown = [], set()
    cases = raw.get("case")
    for index, case in enumerate(cases if isinstance(cases, list) else []):
        if isinstance(case, dict) and not any(key.startswith(f"case[{index}].") for key in unknown):
            problems += _incomplete(index, case, lines)
        with suppress(ValidationError):  # told above
            problems += _beyond(index, CaseTable.model_validate(case), lines)
    if problems:
        raise InvalidConfigError(file, problems)
    return document


def _incomplete(index: int, case: dict[str, Any], lines: LineIndex) -> Iterator[Problem]:
    """What a case does not say, whether it is right otherwise or not. A key that is misspelt may be what is missing."""
    if sum(kind in case for kind in _KINDS) != 1:
        text = "a case is about one rule. Name it in slo, in rule or in rollup."
        yield Problem(lines.line_of(("case", index)), RuleCode.CONFLICT, f"case[{index}]", text)
    labels = case.get("labels")
    if not isinstance(labels, dict):
        return
    for name in _LABELS[:2]:
        if name not in labels:
            text = f'the label "{name}" is missing. Add it.'
            yield Problem(lines.line_of(("case", index, "labels")), RuleCode.MISSING_KEY, f"case[{index}].labels", text)


def _beyond(index: int, case: CaseTable, lines: LineIndex) -> Iterator[Problem]:
    """What is wrong with the number of steps of a case."""
    ranges = [*case.no_data, *case.silent, *case.mute, *(one.steps for one in case.revise)]
    ends = [*(end for _, end in ranges), *case.restart_at, *(one.at for one in case.revise)]
    line = lines.line_of(("case", index))
    if ends and max(ends) > case.steps:
        told = f"step {max(ends)} is asked for, and the counts of the case are {case.steps} steps."
        yield Problem(line, RuleCode.CONFLICT, f"case[{index}]", told)
    if case.steps > MOST_STEPS:
        told = f"{case.steps} steps, more than {MOST_STEPS}. Choose a larger step of the rules."
        yield Problem(line, RuleCode.WRONG_VALUE, f"case[{index}]", told)
