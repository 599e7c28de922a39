"""What does "upper95 < 0.85 and support >= 30" ask? The text of a condition, read into a `Condition`.

The rule: `and` and `or` are never mixed without brackets, so that nobody has to know which binds closer. Each way to
be wrong has a sentence that says what to write instead, and where in the text it is.
"""

import math
import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import NamedTuple

from streams.alerts.rules.model import AllOf, AnyOf, Comparison, Condition, Op

BOUNDS = ("lower95", "upper95", "lower99", "upper99")
"""Subjects that are ends of the value's interval."""

OF_RULES = ("value", *BOUNDS, "delta", "support")
"""Subjects of a threshold rule."""

OF_ROLLUPS = ("firing_classes", "firing_share")
"""Subjects of a rollup."""

OF_BUDGETS = ("burn", "budget_remaining")
"""Subjects that only a budget has."""

MOST_TERMS = 16
MOST_CHARACTERS = 500

_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?P<unit>[a-zA-Z%]*)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)|(?P<op><=|>=|<>|==|!=|=|<|>|&&|\|\|)|(?P<bracket>[()]))"
)
_TAKES = {"delta": "delta(baseline)", "burn": "burn(1h)"}
_WRITE = {"==": "<= or >=", "=": "<= or >=", "!=": "< or >", "<>": "< or >", "&&": "and", "||": "or"}


class ConditionError(ValueError):
    """A condition that cannot be read: one sentence with what to write, and the character (from 1) it is about."""

    def __init__(self, text: str, at: int) -> None:
        self.at = at
        super().__init__(f"{text} (character {at})")


class _Token(NamedTuple):
    kind: str  # number, name, op, bracket, end
    text: str
    at: int  # from 1
    unit: str = ""


def parse_condition(text: str, subjects: Collection[str], *, durations: bool = False) -> Condition:
    """The condition that a text asks.

    `subjects` are the ones that make sense where it stands. With `durations`, a number may have a unit and is in
    seconds.

    >>> parse_condition("value < 0.5", ["value"])
    Comparison(subject='value', op=<Op.LT: '<'>, number=0.5, argument=None)

    Raises:
        ConditionError: The text is no condition, or asks something that is not known there.
    """
    if len(text) > MOST_CHARACTERS:
        raise ConditionError(f"it is longer than {MOST_CHARACTERS} characters; split it into two rules", 1)
    reader = _Reader(list(_tokens(text)), subjects, durations=durations)
    condition = reader.condition(0)
    reader.finish()
    return condition


def written(condition: Condition) -> str:
    """A condition in the text it is read from, in the one canonical form.

    >>> written(parse_condition("(value<.5 and support>=3) or value < 0.1", ["value", "support"]))
    '(value < 0.5 and support >= 3) or value < 0.1'
    """
    if isinstance(condition, Comparison):
        return f"{_subject_of(condition)} {condition.op.value} {condition.number:g}"
    word = " and " if isinstance(condition, AllOf) else " or "
    parts = [written(term) if isinstance(term, Comparison) else f"({written(term)})" for term in condition.terms]
    return word.join(parts)


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """Every comparison of a condition, in the order of the text."""
    if isinstance(condition, Comparison):
        yield condition
    else:
        for term in condition.terms:
            yield from comparisons(term)


def _subject_of(comparison: Comparison) -> str:
    if comparison.argument is None:
        return comparison.subject
    if comparison.subject == "burn":
        ms = int(comparison.argument)
        unit = max((u for u, length in _UNITS_MS.items() if ms % length == 0), key=_UNITS_MS.__getitem__)
        return f"burn({ms // _UNITS_MS[unit]}{unit})"
    return f"{comparison.subject}({comparison.argument})"


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            raise ConditionError(f'"{text[place]}" means nothing here', place + 1)
        kind = next(name for name in ("number", "name", "op", "bracket") if match[name] is not None)
        yield _Token(kind, match[kind], match.start(kind) + 1, match["unit"] or "")
        at = match.end()
    yield _Token("end", "", end + 1)


class _Reader:
    """One pass over the tokens, never back."""

    def __init__(self, tokens: list[_Token], subjects: Collection[str], *, durations: bool) -> None:
        self.tokens = tokens
        self.subjects = subjects
        self.durations = durations
        self.terms = 0

    @property
    def next(self) -> _Token:
        return self.tokens[0]

    def take(self) -> _Token:
        return self.tokens[0] if self.next.kind == "end" else self.tokens.pop(0)

    def finish(self) -> None:
        token = self.next
        if token.kind == "end":
            return
        if token.text == ")":
            raise ConditionError('a ")" without its "("', token.at)
        self._refuse_spelling(token)
        raise ConditionError(f'"and" or "or" must follow, not "{token.text}"', token.at)

    def condition(self, depth: int) -> Condition:
        """Terms joined by one word."""
        terms = [self._term(depth)]
        word: str | None = None
        while self.next.kind == "name" and self.next.text in {"and", "or"}:
            token = self.take()
            if word is not None and token.text != word:
                text = '"and" and "or" are mixed; put brackets around what belongs together'
                raise ConditionError(text, token.at)
            word = token.text
            terms.append(self._term(depth))
        if word is None:
            return terms[0]
        joined = AllOf if word == "and" else AnyOf
        return joined(tuple(inner for term in terms for inner in (term.terms if isinstance(term, joined) else (term,))))

    def _term(self, depth: int) -> Condition:
        token = self.next
        if token.text != "(":
            return self._comparison()
        if depth == MOST_TERMS:
            raise ConditionError("the brackets are nested too deep", token.at)
        self.take()
        inner = self.condition(depth + 1)
        if self.next.text != ")":
            self._refuse_spelling(self.next)
            raise ConditionError(f'the "(" of character {token.at} is never closed', self.next.at)
        self.take()
        return inner

    def _comparison(self) -> Comparison:
        self.terms += 1
        if self.terms > MOST_TERMS:
            raise ConditionError(f"more than {MOST_TERMS} comparisons; split it into two rules", self.next.at)
        subject = self.take()
        if subject.kind != "name" or subject.text in {"and", "or"}:
            found = f'not "{subject.text}"' if subject.text else "and nothing does"
            raise ConditionError(f"a subject must come here ({_listed(self.subjects)}), {found}", subject.at)
        if subject.text not in self.subjects:
            raise ConditionError(_unknown(subject.text, self.subjects), subject.at)
        argument = self._argument(subject)
        op = self.take()
        if op.kind != "op" or op.text in _WRITE:
            self._refuse_spelling(op)
            raise ConditionError(f"<, <=, > or >= must follow {subject.text}", op.at)
        return Comparison(subject.text, Op(op.text), self._number(op), argument)

    def _argument(self, subject: _Token) -> str | None:
        takes = _TAKES.get(subject.text)
        if self.next.text != "(":
            if takes is not None:
                raise ConditionError(f"{subject.text} needs brackets; write {takes}", subject.at)
            return None
        if takes is None:
            raise ConditionError(f"{subject.text} takes no brackets", self.next.at)
        self.take()
        value = self.take()
        if self.take().text != ")":
            raise ConditionError(f"write {takes}", value.at)
        if subject.text == "delta":
            if value.text != "baseline":
                raise ConditionError("only delta(baseline) is known", value.at)
            return "baseline"
        if value.kind != "number" or not value.text.isdigit() or value.unit not in _UNITS_MS or not int(value.text):
            raise ConditionError(f"write {takes}", value.at)
        return str(int(value.text) * _UNITS_MS[value.unit])

    def _number(self, op: _Token) -> float:
        token = self.take()
        if token.kind != "number":
            raise ConditionError(f"a number must follow {op.text}", token.at)
        number = float(token.text)
        if not math.isfinite(number):
            raise ConditionError(f"{token.text} is too large", token.at)
        if token.unit == "%":
            raise ConditionError(f"write {number / 100:g} instead of {token.text}%", token.at)
        if token.unit:
            if not self.durations:
                raise ConditionError(f"{token.text}{token.unit} is no number; shares are within 0 and 1", token.at)
            if token.unit not in _UNITS_MS:
                raise ConditionError(f"{token.text}{token.unit} is no duration; write s, m, h or d", token.at)
            number *= _UNITS_MS[token.unit] / 1_000
        return number

    def _refuse_spelling(self, token: _Token) -> None:
        if token.text in _WRITE:
            raise ConditionError(f'"{token.text}" is not known; write {_WRITE[token.text]}', token.at)
        if token.text.lower() in {"and", "or"}:
            raise ConditionError(f'"{token.text}" is not known; write {token.text.lower()}', token.at)


def _listed(subjects: Collection[str]) -> str:
    return ", ".join(_TAKES.get(name, name) for name in subjects)


def _unknown(name: str, subjects: Collection[str]) -> str:
    if name in OF_BUDGETS:
        return f"{name} is said of a budget only; an [[slo]] has it in its tiers"
    if name in {*OF_RULES, *OF_ROLLUPS}:
        return f'"{name}" is not known here; known are {_listed(subjects)}'
    near = get_close_matches(name, sorted(subjects), 1, 0.6)
    hint = f'did you mean "{near[0]}"?' if near else f"known are {_listed(subjects)}"
    return f'"{name}" is not known; {hint}'
