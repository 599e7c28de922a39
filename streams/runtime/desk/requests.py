"""A mute that somebody asks for while the job runs: checked as one of the rules is, every error at once.

It always has an end, a reason and an author. Nothing here reads a clock: `now_ms` is an argument.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from pydantic import Field, ValidationError

from streams.alerts.rules.model import DAY, Mute, RuleSet, selects
from streams.alerts.telling.state import ms_of
from streams.ledger.times import rfc3339
from streams.runtime.config.lines import LineIndex
from streams.runtime.config.problems import Problem, translate
from streams.runtime.config.table import Table
from streams.runtime.control import RefusedError
from streams.runtime.rules.codes import OF_JOB, RuleCode
from streams.runtime.rules.facts import Job, facts_of
from streams.runtime.rules.mutes import LONGEST_MS, compile_mute
from streams.runtime.rules.scope import Scope
from streams.runtime.rules.sheet import Read, Sheet
from streams.runtime.rules.tables import DefaultsTable, MuteTable, SloTable
from streams.runtime.rules.values import Duration, Match, Moment, Name

LONGEST_MATCH = 4_000
"""Characters of what is muted: every judge keeps it, and writes it again with each later order."""

LIVE_MS = 7 * DAY
"""A model that was judged up to less than this before the wall clock runs live; another one is a history."""

_KINDS = {
    "slo": "slos", "rule": "rules", "drift": "drifts", "rollup": "rollups", "canary": "canaries", "retrain": "retrains",
}  # fmt: skip
_WITH_NO_DATA = ("slo", "rule")
_WITH_ARTICLE = {"name": "a name", "reason": "a reason", "author": "an author"}

Judged = Mapping[str, str]
"""Up to when each model has been judged, RFC 3339."""


class MuteProblem(NamedTuple):
    """One error of a request: the code is that of the same error in a file of rules."""

    code: str
    key: str
    text: str

    @property
    def written(self) -> str:
        """One sentence."""
        return f"{self.key}: {self.text}" if self.key else self.text


class InvalidMuteError(RefusedError):
    """A request with errors; the message has all of them."""

    def __init__(self, problems: Sequence[MuteProblem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("not muted: " + " ".join(problem.written for problem in self.problems))


class _Request(Table):
    name: Name | None = None
    match: Match = Field(default={})
    start_ms: Moment | None = Field(default=None, alias="start")
    end_ms: Moment | None = Field(default=None, alias="end")
    for_ms: Duration | None = Field(default=None, alias="for")
    clock: Literal["event", "wall"] = "event"
    budget: Literal["count", "exclude"] = "count"
    reason: Annotated[str, Field(max_length=500)] = ""
    author: Annotated[str, Field(max_length=200)] = ""


def requested(body: Mapping[str, Any], rules: RuleSet, job: Job | None, judged: Judged, now_ms: int) -> Mute:
    """The mute that a request means.

    Keys: `name`, `match` (patterns by label, `{"model": "*"}` for everything), `start` and `end` (RFC 3339 with a
    zone) or `for` (a duration), `clock`, `budget`, `reason`, `author`. Without `start` it begins now; see `reached`.

    Raises:
        InvalidMuteError: With every error.
    """
    found: list[MuteProblem] = []
    request, wrong = _read(body, found)
    for key, value in (("reason", request.reason), ("author", request.author)):
        if not value.isprintable():
            found.append(MuteProblem(RuleCode.WRONG_VALUE, key, "it has characters that cannot be printed."))
    said = {"name": request.name, "reason": request.reason.strip(), "author": request.author.strip()}
    for key, given in said.items():
        if not given and key not in wrong:
            found.append(
                MuteProblem(RuleCode.MISSING_KEY, key, f"a mute needs {_WITH_ARTICLE[key]}, so that others know of it.")
            )
    try:
        orjson.dumps(request.match)
    except TypeError:  # half characters: what is not UTF-8 on a command line
        found.append(MuteProblem(RuleCode.WRONG_VALUE, "match", "it has characters that no label can have."))
    if not request.match and "match" not in wrong:
        text = 'it does not say what is muted. Name a model, a rule or a class; model "*" is everything.'
        found.append(MuteProblem(RuleCode.MISSING_KEY, "match", text))
    if sum(len(label) + len(pattern) for label, pattern in request.match.items()) > LONGEST_MATCH:
        text = f"it has more than {LONGEST_MATCH:,} characters. Mute a whole model or rule, or several times."
        found.append(MuteProblem(RuleCode.WRONG_VALUE, "match", text))
    start_ms, end_ms = _times(request, wrong, judged, now_ms, found)
    table = MuteTable.model_construct(
        name=request.name or "", match=request.match, start_ms=start_ms, end_ms=end_ms, weekly=None,
        clock=request.clock, budget=request.budget, reason=request.reason.strip(), author=request.author.strip(),
    )  # fmt: skip
    mute = _compiled(table, rules, job, untimed=end_ms is None, found=found)
    if found:
        raise InvalidMuteError(found)
    return mute


def reached(pattern: str, clock: str, judged: Judged, now_ms: int) -> tuple[int, int]:
    """Where a mute of some models that begins now begins, and from when its length counts, ms.

    By the wall clock both are now. By event time it begins at the newest step that was judged, so that what is
    judged next lies inside, and its length counts from now. Of a history that is loaded, the length counts from where
    the job is, too.
    """
    times = [ms_of(t) for model, t in judged.items() if selects(pattern, model)]
    if clock == "wall" or not times:
        return now_ms, now_ms
    live = [t for t in times if now_ms - t < LIVE_MS]
    return (min(now_ms, *live), now_ms) if live else (min(times), max(times))


def _read(body: Mapping[str, Any], found: list[MuteProblem]) -> tuple[_Request, frozenset[str]]:
    """What can be read of a request, and the keys that are wrong in themselves."""
    try:
        return _Request.model_validate(dict(body)), frozenset()
    except ValidationError as error:
        details = error.errors(include_url=False)
    for detail in details:
        told = translate(detail, _Request, LineIndex({}))
        found.append(MuteProblem(OF_JOB.get(told.code, told.code), told.key, told.text))
    wrong = frozenset(str(step) for detail in details for step in detail["loc"][:1])
    return _Request.model_validate({key: value for key, value in body.items() if key not in wrong}), wrong


def _times(
    request: _Request, wrong: frozenset[str], judged: Judged, now_ms: int, found: list[MuteProblem]
) -> tuple[int | None, int | None]:
    """Start and end, ms; no end where none can be said."""
    if request.for_ms is not None and request.end_ms is not None:
        found.append(MuteProblem(RuleCode.CONFLICT, "for", "both a length and an end are said. Choose one."))
    begin_ms, from_ms = reached(request.match.get("model", "*"), request.clock, judged, now_ms)
    start_ms = begin_ms if request.start_ms is None else request.start_ms
    end_ms = request.end_ms
    if end_ms is None and request.for_ms is not None:
        end_ms = (from_ms if request.start_ms is None else start_ms) + request.for_ms
        if request.start_ms is None and request.for_ms <= LONGEST_MS:
            start_ms = max(start_ms, end_ms - LONGEST_MS)  # what lies before is given up, not what was asked for
    if {"start", "clock"} & wrong:
        return None, None
    if end_ms is None and not {"for", "end"} & wrong:
        text = f"it has no end. A mute that nobody ends hides the next failure; give one within {LONGEST_MS // DAY}d."
        found.append(MuteProblem(RuleCode.MUTE_TIME, "end", text))
    elif end_ms is not None and start_ms < end_ms <= begin_ms:
        where = "it is" if request.clock == "wall" else "what is judged next is at"
        text = f"it is over already: {where} {rfc3339(begin_ms)}. Give a later end."
        found.append(MuteProblem(RuleCode.MUTE_TIME, "end", text))
    elif request.end_ms is not None and request.start_ms is None and request.end_ms - start_ms > LONGEST_MS:
        where = "now" if request.clock == "wall" else f"at {rfc3339(begin_ms)}, where event time is"
        text = f"without a begin it begins {where}. Say a begin (start), or a length (for) instead of an end."
        found.append(MuteProblem(RuleCode.MUTE_TIME, "start", text))
    return start_ms, end_ms


def _compiled(table: MuteTable, rules: RuleSet, job: Job | None, *, untimed: bool, found: list[MuteProblem]) -> Mute:
    """The mute, asked all that one in a file of these rules is asked."""
    names = {kind: [one.name for one in getattr(rules, attribute)] for kind, attribute in _KINDS.items()}
    for kind in _WITH_NO_DATA:
        names[kind] += [f"{name}/no-data" for name in names[kind]]
    raw: dict[str, Any] = {kind: [{"name": name} for name in known] for kind, known in names.items()}
    sheet = Sheet("", {**raw, "mute": [{"name": table.name}]}, LineIndex({}))
    scope = Scope(sheet, facts_of(job), DefaultsTable(), {})
    for index, slo in enumerate(rules.slos):
        of_slo = SloTable.model_construct(name=slo.name, period_ms=slo.period_ms)
        scope.slos.append(Read(("slo", index), of_slo))
    path = ("mute", 0)
    for key in ("start", "end") if untimed else ():
        sheet.doubt((*path, key))
    mute = compile_mute(scope, Read(path, table))
    found += [_problem(problem, sheet.called(path)) for problem in sheet.problems]
    return mute


def _problem(problem: Problem, prefix: str) -> MuteProblem:
    return MuteProblem(problem.code, problem.key.removeprefix(prefix).removeprefix("."), problem.text)
