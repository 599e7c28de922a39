"""Who is told, and by which rules? The table `[alerts]` of the job's file, with the rules file that it names."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from streams.alerts.rules.model import RuleSet
from streams.quality.spec import QualitySpec
from streams.runtime.config.lines import LineIndex
from streams.runtime.config.problems import Code, InvalidConfigError, Problem
from streams.runtime.config.settings_tables import AlertsTable


@dataclass(frozen=True, slots=True)
class AlertsConfig:
    """What is asked of the models, and whether it is asked at all. `file` is where the rules came from."""

    enabled: bool
    rules: RuleSet
    file: str
    warnings: tuple[Problem, ...] = ()
    runbook_base: str | None = None  # where runbooks are that are named


class _Asked(NamedTuple):
    quality: QualitySpec


def alerts_config(table: AlertsTable, file: str, lines: LineIndex, quality: QualitySpec) -> AlertsConfig:
    """The rules of a job: those of the file that it names (beside its own), else those that come with it.

    Raises:
        InvalidConfigError: The rules file is not there, or has problems; they are told with its name.
    """
    from streams.runtime.rules.load import load_rules  # noqa: PLC0415 -- slow to load; `streams --help` spares it

    path = None if table.rules is None else Path(file).parent / table.rules
    if path is not None and not path.is_file():
        text = f'there is no file "{path}". The path is relative to this file; name a file of rules.'
        where = ("alerts", "rules")
        raise InvalidConfigError(file, [Problem(lines.line_of(where), Code.UNREADABLE, "alerts.rules", text)])
    loaded = load_rules(path, _Asked(quality))
    return AlertsConfig(table.enabled, loaded.rules, loaded.file, loaded.warnings, loaded.runbook_base)
