"""What every kind of rule is compiled with: the sheet, the job, the defaults - and the questions that all are asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from streams.alerts.rules.model import About, Match, NoData, Severity
from streams.runtime.config.durations import format_duration
from streams.runtime.config.lines import KeyPath
from streams.runtime.config.problems import closest
from streams.runtime.rules.codes import RuleCode
from streams.runtime.rules.facts import KEPT_MS, Facts
from streams.runtime.rules.sheet import Read, Sheet
from streams.runtime.rules.tables import AboutTable, DefaultsTable, NoDataTable, ReadyTable
from streams.runtime.rules.values import names_in, unshown

ALWAYS_BY = ("model", "version")
"""Every alert of a budget or threshold is by these; saying so is allowed."""

_MOST_SHOWN = 12

SHIPPED_RUNBOOKS = "docs/runbooks/{name}.md"
"""Where the runbook of a name is when no base is said."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One compilation."""

    sheet: Sheet
    facts: Facts
    defaults: DefaultsTable
    aliases: dict[str, dict[str, str]]
    fits: bool = False  # windows are rounded up to whole steps: of the rules that come with the job
    slos: list[Read] = field(default_factory=list)  # the budgets that can be read

    @property
    def step_ms(self) -> int:
        """The step: what the file says, if that is right, else the usual one of the job."""
        said_ms = self.defaults.step_ms if self.knows(("defaults",), "step") else None
        return said_ms or self.facts.usual_step_ms

    @property
    def says_no_data(self) -> bool:
        """Whether `[defaults.no_data]` is in the file: then thresholds have it, too; budgets always have."""
        return "no_data" in self.defaults.model_fields_set

    def tell(self, code: RuleCode, path: KeyPath, text: str) -> None:
        """Note a problem."""
        self.sheet.tell(code, path, text)

    def knows(self, path: KeyPath, *keys: str) -> bool:
        """Whether something can be concluded from some keys of a table: none of them is wrong."""
        return all(self.sheet.knows((*path, key)) for key in keys)

    def of_steps(self, ms: int, path: KeyPath) -> int:
        """A length of time that must be whole steps; one that nobody said is rounded up to them."""
        step_ms = self.step_ms
        if ms % step_ms == 0 or not self.knows(("defaults",), "step"):
            return ms
        rounded = -(-ms // step_ms) * step_ms
        if not self.fits and path in self.sheet.lines.lines:
            text = (
                f'{path[-1]} "{format_duration(ms)}" is not a multiple of step "{format_duration(step_ms)}". '
                f'Alerts advance in steps. Write "{format_duration(rounded)}".'
            )
            self.tell(RuleCode.STEP, path, text)
            self.sheet.doubt(path)
        return rounded

    def kept(self, ms: int, path: KeyPath, what: str) -> None:
        """A length of time that must not reach back further than counts are kept."""
        if ms > KEPT_MS:
            length, most = format_duration(ms), format_duration(KEPT_MS)
            self.tell(RuleCode.RETENTION, path, f"{what} needs {length} of counts; {most} are kept. Shorten it.")

    def match(self, path: KeyPath, patterns: dict[str, str], *, with_rule: bool = False) -> Match:
        """The patterns that a rule selects by, sorted; what selects everything is left out."""
        for name, pattern in patterns.items():
            where = self._label_path(path, name)
            if name == "rule" and not with_rule:
                self.tell(RuleCode.UNKNOWN_KEY, where, '"rule" can be matched by mutes only. Remove it.')
            if name.startswith("segment."):
                self.dimension(name.removeprefix("segment."), where)
            if name == "class" and self.knows(path, "model") and self.sheet.knows((*path, "match", "model")):
                self.classes(patterns.get("model", "*"), names_in(pattern), where)
        return tuple(sorted((name, pattern) for name, pattern in patterns.items() if pattern != "*"))

    def _label_path(self, path: KeyPath, name: str) -> KeyPath:
        nested = ("match", "segment", name.removeprefix("segment."))
        candidates: list[KeyPath] = [(*path, "match", name), (*path, *nested), (*path, name)]
        return next((place for place in candidates if place in self.sheet.lines.lines), (*path, "match"))

    def has(self, dimension: str) -> bool:
        """Whether the job has a segment dimension; without a job every one."""
        return self.facts.dimensions is None or dimension in self.facts.dimensions

    def dimension(self, name: str, path: KeyPath) -> None:
        """A segment dimension that the job must have."""
        known = self.facts.dimensions or ()
        if not self.has(name):
            text = f'"{name}" is not a dimension of the job.{closest(name, known)} Declare it in predictions.segments.'
            self.tell(RuleCode.DIMENSION, path, text)

    def classes(self, model: str, names: Sequence[str], path: KeyPath) -> None:
        """Classes that must be in the closed lists of the models that a pattern selects."""
        catalogues = self.facts.catalogues(model) if names else []
        for name in names if catalogues else ():
            missing: dict[tuple[str, ...], list[str]] = {}
            for called, listed in catalogues:
                if name not in listed:
                    missing.setdefault(tuple(sorted(listed)), []).append(called)
            for listed, models in missing.items():
                listing, hint = ", ".join(listed[:_MOST_SHOWN]), _hint(name, listed)
                of = " and of ".join(models[:_MOST_SHOWN])
                text = f'class "{name[:60]}" is not in the catalogue of {of} ({listing}).{hint}'
                self.tell(RuleCode.CLASS, path, text)

    def by(self, read: Read, names: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
        """What a rule is told apart by besides model and version, sorted; each once."""
        told: list[str] = []
        for index, name in enumerate(names):
            path: KeyPath = (*read.path, "by", index)
            if name.startswith("segment."):
                self.dimension(dimension := name.removeprefix("segment."), path)
                if not self.has(dimension):
                    self.sheet.doubt(path)
            elif name not in {*ALWAYS_BY, *allowed}:
                known = [*ALWAYS_BY, *allowed, "segment.NAME"]
                text = f'alerts cannot be told apart by "{name[:60]}" here.{closest(name, known)}'
                self.tell(RuleCode.GROUPING, path, text)
                self.sheet.doubt(path)
                continue
            if name in names[:index]:
                self.tell(RuleCode.GROUPING, path, f'"{name}" is there twice. Name it once.')
            elif name not in ALWAYS_BY:
                told.append(name)
        if sum(name.startswith("segment.") for name in told) > 1:
            text = "several dimensions: only the values of one are counted together. Write one rule for each."
            self.tell(RuleCode.GROUPING, (*read.path, "by"), text)
        return tuple(sorted(told))

    def about(self, read: Read, severities: Iterable[Severity]) -> About:
        """What is told with the alerts of a rule. A page without a runbook is a problem."""
        table = read.table
        assert isinstance(table, AboutTable)  # noqa: S101 -- every kind that is told is one
        name = str(getattr(table, "name", ""))
        base = self.defaults.runbook_base
        runbook = table.runbook or (name if base is not None else None)
        is_known = self.knows(read.path, "runbook") and self.knows(("defaults",), "runbook_base")
        if runbook is None and Severity.PAGE in severities and is_known:
            text = (
                'severity "page" needs a runbook: whoever is woken must know what to do. '
                "Name one in runbook, or set defaults.runbook_base."
            )
            self.tell(RuleCode.RUNBOOK, read.path, text)
        for text in unshown(table.summary or "", self._dimensions(table)):
            self.tell(RuleCode.WRONG_VALUE, (*read.path, "summary"), text)
        labels = {**self.defaults.labels, **table.labels}
        return About(table.summary, runbook_address(base, runbook), tuple(sorted(labels.items())))

    def _dimensions(self, table: AboutTable) -> list[str]:
        """The dimensions that the alerts of a rule are told apart by: their values can be shown by name."""
        by: list[str] = getattr(table, "by", [])
        return [name.removeprefix("segment.") for name in by if name.startswith("segment.")]

    def severities(self, read: Read, no_data: NoData | None = None) -> list[Severity]:
        """The severities that a rule says, as far as they are known: its own, and that of its missing data."""
        own: Severity | None = getattr(read.table, "severity", None)
        told = [own] if own is not None and self.knows(read.path, "severity") else []
        if no_data is not None and self.sheet.knows((*read.path, "no_data", "severity")):
            told.append(no_data.severity)
        return told

    def ready(self, table: ReadyTable | None) -> float:
        """The label completeness below which nothing is judged."""
        return (table or self.defaults.ready).label_completeness

    def no_data(self, read: Read, table: NoDataTable | None) -> NoData | None:
        """The alert about missing data: what the rule says, else the defaults."""
        chosen = self.defaults.no_data
        if table is not None:
            chosen = chosen.model_copy(update={name: getattr(table, name) for name in table.model_fields_set})
        for_ms = self.of_steps(chosen.for_ms, (*read.path, "no_data", "for"))
        return NoData(for_ms, chosen.severity, chosen.resolve_after_ms) if chosen.enabled else None


def _hint(name: str, known: Iterable[str]) -> str:
    near = closest(name, sorted(known))
    return near if near.startswith(" Did") else ""


def runbook_address(base: str | None, runbook: str | None) -> str | None:
    """Where a runbook is: an address as it is, else its name under `base`; without one the page that is shipped."""
    if runbook is None or runbook.startswith(("http://", "https://")):
        return runbook
    if base is None:
        return SHIPPED_RUNBOOKS.format(name=runbook)
    if "{name}" in base:
        return base.replace("{name}", runbook)
    return f"{base.removesuffix('/')}/{runbook}"
