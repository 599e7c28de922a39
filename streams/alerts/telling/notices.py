"""Sentences about alerts with nothing to resolve: what was missed in a gap, and mutes that end over an alert."""

from collections.abc import Mapping
from typing import Any

from streams.alerts.instance import digest, labels_of
from streams.alerts.rules.model import Severity
from streams.alerts.telling.model_alerts import Step
from streams.alerts.telling.muting import Ending
from streams.alerts.telling.state import State
from streams.alerts.telling.told import Kind, Reason, Telling
from streams.ledger.times import rfc3339

MISSED_RULE, MUTE_RULE = "QualityEpisodesMissed", "QualityMuteEnds"
"""What notices are called where an alert has its rule's name."""


def missed(receiver: str, model: str, episodes: list[State], more: int, step: Step, runbook: str | None) -> Telling:
    """One summary of the episodes that began and ended while nobody was told; `more` are not named."""
    ids = sorted(f"{state.fingerprint}|{state.episode}" for state in episodes)
    count = len(episodes) + more
    text = (
        f"{count} alert{'s' if count != 1 else ''} of {model} began and ended while nobody was told, between "
        f"{rfc3339(min(s.fired_at for s in episodes))} and {rfc3339(max(s.resolved_at for s in episodes))}"
    )
    telling_id = digest(f"{receiver}|{model}|{Reason.CATCH_UP}|{','.join(ids)}")
    return _notice(telling_id, Reason.CATCH_UP, MISSED_RULE, {"model": model}, episodes, step, text, runbook)


def mute_ends(receiver: str, model: str, ending: Ending, step: Step, runbook: str | None) -> Telling:
    """That a mute ends soon although alerts are active beneath it: once for each model and end."""
    names, count = ", ".join(ending.names), len(ending.beneath)
    text = (
        f"mute {names} ends at {rfc3339(ending.end_ms)}, with {count} active alert{'s' if count != 1 else ''} beneath"
    )
    telling_id = digest(f"{receiver}|{model}|{Reason.MUTE_ENDS}|{names}|{ending.end_ms}")
    labels = {"model": model, "mute": names}
    return _notice(telling_id, Reason.MUTE_ENDS, MUTE_RULE, labels, ending.beneath, step, text, runbook)


def member(state: State) -> dict[str, Any]:
    """An alert as notices list it."""
    return {
        "fingerprint": state.fingerprint,
        "rule": state.rule,
        "severity": state.severity,
        "labels": dict(state.labels),
        "fired_at": rfc3339(state.fired_at),
        "resolved_at": rfc3339(state.resolved_at) if state.resolved_at else None,
        "reason": state.reason,
        "summary": state.summary,
    }


def _notice(
    telling_id: str,
    reason: Reason,
    rule: str,
    labels: Mapping[str, str],
    about: list[State],
    step: Step,
    text: str,
    runbook: str | None,
) -> Telling:
    return Telling(
        telling_id, Kind.NOTICE, reason, telling_id, rule, "notice", labels_of(**labels), step.t,
        Severity.TICKET.value, 0, step.t, step.t, summary=text, runbook=runbook,
        members=tuple(member(state) for state in about),
    )  # fmt: skip
