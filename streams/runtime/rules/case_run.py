"""What would people be told in a test case? Its counts, driven step by step through the fold that a job has."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from streams.alerts.fold import Alerts
from streams.alerts.orders import RulesOrder
from streams.alerts.rows import ALERTS
from streams.alerts.rules.model import Mute, RuleSet, Severity
from streams.formats.columns import Group
from streams.ledger.spec import Timing
from streams.quality.counts.details import SHIFT, UNLABELLED
from streams.quality.counts.names import Names
from streams.quality.counts.shares import Changes
from streams.quality.spec import QualitySpec, parse_window
from streams.runtime.checkpoints.pack import pack, unpack
from streams.runtime.rules.cases import CaseTable, ExpectTable

REST = "(rest)"
"""The class that misses go to, and labels that are wrongly predicted come from."""

_MUTE = "(case)"
_LOUDNESS = {Severity.TICKET.value: 0, Severity.PAGE.value: 1}


class Telling(NamedTuple):
    """What people are told, so many ms after the first step's begin."""

    rule: str
    kind: str  # firing, escalated, resolved
    at_ms: int
    severity: str | None
    tier: str | None
    reason: str | None


def quality_of(case: CaseTable, rules: RuleSet) -> QualitySpec:
    """The judge of a case without a job: its dimensions, and the usual times."""
    dimensions = tuple(sorted(name.removeprefix("segment.") for name in case.labels if name.startswith("segment.")))
    return QualitySpec((parse_window("24h"),), rules.step_ms, Timing(), dimensions=dimensions, detail_ms=rules.step_ms)


def run_case(case: CaseTable, rules: RuleSet, quality: QualitySpec) -> list[Telling]:
    """Every telling about the rule of a case and its missing data, in order.

    Steps end at the case's start plus whole steps. A step is judged when the watermark has passed its end by the
    model's settle, with everything that came until then; a revision comes just before the step it is known at.
    """
    begin = case.start_ms // rules.step_ms * rules.step_ms
    asked = _asked(rules, case, begin)
    player = _Player(case, asked, quality, begin)
    told = _Told(case, _names(asked), begin)
    for step in range(case.steps):
        for row in player.step(step):
            told.take(row)
    return told.tellings


def differences(tellings: list[Telling], expected: list[ExpectTable], rule: str) -> list[str]:
    """A sentence for each telling that is missing, too much or another one than expected; in order."""
    found = []
    for number in range(max(len(tellings), len(expected))):
        want = expected[number] if number < len(expected) else None
        got = tellings[number] if number < len(tellings) else None
        if want is None or got is None or not _fits(got, want, rule):
            told = "nothing more is told" if got is None else f"told is {_said(got)}"
            wanted = "nothing more" if want is None else _wanted(want, rule)
            found.append(f"telling {number + 1}: expected {wanted}; {told}")
    return found


def _fits(got: Telling, want: ExpectTable, rule: str) -> bool:
    asked = {"severity": want.severity and want.severity.value, "tier": want.tier, "reason": want.reason}
    return (
        (got.kind, got.rule) == (want.kind, want.rule or rule)
        and want.between[0] <= got.at_ms <= want.between[1]
        and all(value is None or getattr(got, name) == value for name, value in asked.items())
    )


def _said(got: Telling) -> str:
    more = [part for part in (got.severity, got.tier, got.reason) if part]
    return f"{got.rule} {got.kind} ({', '.join(more)}) at {_clock(got.at_ms)}"


def _wanted(want: ExpectTable, rule: str) -> str:
    severity = want.severity.value if want.severity else None
    more = [part for part in (severity, want.tier, want.reason) if part]
    told = f" ({', '.join(more)})" if more else ""
    return f"{want.rule or rule} {want.kind}{told} between {_clock(want.between[0])} and {_clock(want.between[1])}"


def _clock(ms: int) -> str:
    """A length as people say it: 1h20m.

    >>> _clock(4_800_000), _clock(0), _clock(90_061_000)
    ('1h20m', '0m', '1d1h1m1s')
    """
    seconds = ms // 1000
    parts = ((seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    return "".join(f"{n}{unit}" for n, unit in parts if n) or "0m"


def _asked(rules: RuleSet, case: CaseTable, begin: int) -> RuleSet:
    """The rule of the case by itself (a rollup with its members), with all mutes and those of the case."""
    rollups = tuple(rollup for rollup in rules.rollups if rollup.name == case.rollup)
    names = {case.asked, *(rollup.of for rollup in rollups)}
    match = (("model", case.labels["model"]),)
    mutes = tuple(
        Mute(f"{_MUTE}{n}", match, begin + first * rules.step_ms, begin + end * rules.step_ms)
        for n, (first, end) in enumerate(case.mute)
    )
    return RuleSet(
        hash=rules.hash,
        step_ms=rules.step_ms,
        slos=tuple(slo for slo in rules.slos if slo.name in names),
        rules=tuple(rule for rule in rules.rules if rule.name in names),
        rollups=rollups,
        mutes=(*rules.mutes, *mutes),
        max_page_age_ms=rules.max_page_age_ms,
        retire_after_ms=rules.retire_after_ms,
        replaced_after_ms=rules.replaced_after_ms,
        heartbeat_ms=rules.heartbeat_ms,
    )


def _names(rules: RuleSet) -> set[str]:
    return {one.name for one in rules.slos} | {one.name for one in rules.rules} | {one.name for one in rules.rollups}


class _Player:
    """The fold, and what was counted of each step so far."""

    def __init__(self, case: CaseTable, rules: RuleSet, quality: QualitySpec, begin: int) -> None:
        self._case, self._quality, self._begin, self._step_ms = case, quality, begin, rules.step_ms
        self._settle_ms = quality.timing_of(case.labels["model"]).settle_ms
        self._names = Names(quality)
        self._alerts = Alerts(quality)
        self._alerts.order(RulesOrder(rules))
        self._alerts.take_rows()
        values = tuple(case.labels.get(f"segment.{name}", "") for name in quality.dimensions)
        self._group = Group(case.labels["model"], case.labels["version"], values)
        self._cells = [self._cells_of(step, run) for step, run in enumerate(_runs(case))]

    def step(self, step: int) -> list[dict[str, Any]]:
        """The rows of one step."""
        if step in self._case.restart_at:
            self._restart()
        for revision in self._case.revise:
            if revision.at == step:
                for late in range(*revision.steps):
                    self._revise(late, self._own(revision.n, revision.fn, revision.fp), step)
        self._count(step, self._cells[step], step)
        for _ in self._alerts.closing(self._end(step) + self._settle_ms, self._names):
            pass
        rows = [row.value for row in self._alerts.take_rows() if row.stream == ALERTS]
        return [dict(row) for row in rows]

    def _end(self, step: int) -> int:
        return self._begin + (step + 1) * self._step_ms

    def _restart(self) -> None:
        """Nothing is left but what a checkpoint holds."""
        state = unpack(pack({"alerts": self._alerts.dump(), "names": self._names.dump()}))
        self._alerts, self._names = Alerts(self._quality), Names(self._quality)
        self._names.load(state["names"])
        self._alerts.load(state["alerts"])

    def _cells_of(self, step: int, run: Any) -> dict[tuple[str | None, str], int]:
        """Counts by (true class, predicted class) of one step."""
        if any(first <= step < end for first, end in self._case.silent):
            return {}
        cells = self._own(run.n, run.fn, run.fp)
        for name, counts in run.classes.items():
            for cell, n in _table(name, counts.n, counts.fn, counts.fp).items():
                cells[cell] = cells.get(cell, 0) + n
        if any(first <= step < end for first, end in self._case.no_data):
            predicted: dict[tuple[str | None, str], int] = {}
            for (_, name), n in cells.items():
                predicted[None, name] = predicted.get((None, name), 0) + n
            return predicted
        return cells

    def _own(self, n: int, fn: int, fp: int) -> dict[tuple[str | None, str], int]:
        return _table(self._case.labels.get("class", REST), n, fn, fp)

    def _revise(self, late: int, own: dict[tuple[str | None, str], int], known_at: int) -> None:
        """The own class of a step was otherwise; labels that were missing have come."""
        name = self._case.labels.get("class", REST)
        before = {cell: n for cell, n in self._cells[late].items() if cell[0] is None or name in cell}
        change = {cell: own.get(cell, 0) - before.get(cell, 0) for cell in own.keys() | before.keys()}
        self._cells[late] = {**self._cells[late], **own}
        self._count(late, change, known_at)

    def _count(self, step: int, cells: dict[tuple[str | None, str], int], known_at: int) -> None:
        told = sorted(((a or "", a is None, p, n) for (a, p), n in cells.items() if n))
        group = self._names.group_number(self._group)
        pane = (self._begin + step * self._step_ms) // self._quality.pane_ms
        codes = [
            (UNLABELLED if unlabelled else self._names.class_number(actual)) << SHIFT | self._names.class_number(name)
            for actual, unlabelled, name, _ in told
        ]
        columns = ([group] * len(told), [pane] * len(told), codes, [n for *_, n in told])
        changes = Changes(*(np.array(column, np.int64) for column in columns))
        self._alerts.counted(self._end(known_at) + self._settle_ms - 1, changes, self._names)


def _runs(case: CaseTable) -> Iterator[Any]:
    for run in case.counts:
        for _ in range(run.steps):
            yield run


def _table(name: str, n: int, fn: int, fp: int) -> dict[tuple[str | None, str], int]:
    return {(name, name): n - fn, (name, REST if name != REST else f"{REST}2"): fn, (f"{REST}", name): fp}


class _Told:
    """From rows to tellings: what a receiver without delay is told, without repeats."""

    def __init__(self, case: CaseTable, names: set[str], begin: int) -> None:
        self._labels, self._names, self._begin = case.labels, names, begin
        self._known: dict[str, tuple[str, str]] = {}  # fingerprint -> (episode, severity) that was told
        self.tellings: list[Telling] = []

    def take(self, row: dict[str, Any]) -> None:
        """One row of the alerts topic."""
        if row["schema"] != "quality.alert.v1" or not self._is_ours(row):
            return
        fingerprint, severity = row["fingerprint"], row["severity"] or ""
        episode = row["episode"]
        told = self._known.get(fingerprint)
        active = row["phase"] in {"firing", "recovering"}
        if told is not None and (not active or episode != told[0]):
            self._tell(row, "resolved")
            told = None
            del self._known[fingerprint]
        if not active or row["muted"]:
            return
        if told is None:
            self._tell(row, "firing")
        elif _LOUDNESS[severity] > _LOUDNESS[told[1]]:
            self._tell(row, "escalated")
        else:
            return
        self._known[fingerprint] = (episode, severity)

    def _is_ours(self, row: dict[str, Any]) -> bool:
        own = {"model": row["model"], "version": row["model_version"]}
        if row["class"] is not None:
            own["class"] = row["class"]
        if row["segment"] is not None:
            name, _, value = row["segment"].partition("=")
            own[f"segment.{name}"] = value
        same = all(own[name] == value for name, value in self._labels.items() if name in own)
        return same and row["rule"].partition("/")[0] in self._names

    def _tell(self, row: dict[str, Any], kind: str) -> None:
        at_ms = _ms(row["t"]) - self._begin
        self.tellings.append(Telling(row["rule"], kind, at_ms, row["severity"], row["tier"], row["reason"]))


def _ms(text: str) -> int:
    return int(np.datetime64(text.removesuffix("Z"), "ms").astype(np.int64))
