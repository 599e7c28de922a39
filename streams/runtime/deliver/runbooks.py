"""Where are the runbooks of what the deliverer says by itself, without a rule? Under the base of the rules."""

from collections.abc import Mapping

from streams.alerts.telling.notices import MISSED_RULE, MUTE_RULE
from streams.alerts.telling.stall import STALLED
from streams.runtime.config.job import Config
from streams.runtime.deliver.receivers.alertmanager import WATCHDOG
from streams.runtime.rules.scope import runbook_address

PAGES: Mapping[str, str] = {
    STALLED: "PipelineStalled",
    WATCHDOG: "Watchdog",
    MISSED_RULE: "EpisodesMissed",
    MUTE_RULE: "MuteEnds",
}
"""The names of runbooks, by that of an alert or a notice."""


def runbooks_of(config: Config) -> dict[str, str | None]:
    """The address of the runbook of each."""
    return {name: runbook_address(config.alerts.runbook_base, page) for name, page in PAGES.items()}
