"""What an alert says in one sentence."""

from collections.abc import Callable, Mapping
from string import Formatter

from streams.alerts.instance import Instance, Phase
from streams.alerts.rules.model import About, Severity
from streams.alerts.verdict import Evidence

DEFAULT_WORDS: Mapping[str, str] = {
    "slo": "{class} {sli} {value:.1%} (n={n_long}) burns the budget of {target:.0%} at {burn_long:.1f}x",
    "threshold": "{metric} {value:.3g} (95 %: {lower95:.3g} to {upper95:.3g}, n={n})",
    "drift": "{kind} drift in {window} windows: {effect:.3g} ({subject})",
    "canary": "{reason}",
    "retrain": "retraining is due: {reason}",
}
"""By kind of rule; with fields of evidence and identity labels. Other kinds have sentences of their own."""

_CONVERSIONS = Formatter()


def summary_of(instance: Instance, about: About) -> str:
    """The rule's template, or that of its kind, filled with what is known; what is not is a dash.

    Only plain names are filled in, so that neither a template nor a hostile label reaches into anything.

    Drift has the numbers with which it fired: an incident is open until its detector closes it, and what a window of
    it shows meanwhile may be nothing at all. Once it is over that is said to be past.
    """
    own = about.summary if instance.rule_kind != "no_data" else None  # it is about numbers that are missing here
    sentence = _SENTENCES.get(instance.rule_kind)
    if own is None and sentence is not None:
        return sentence(instance.evidence)
    is_drift = instance.rule_kind == "drift" and bool(instance.fired_evidence)
    fields: dict[str, object] = {"rule": instance.rule, "severity": instance.severity or Severity.TICKET}
    fields |= dict(instance.labels) | {name.replace("segment.", ""): v for name, v in instance.labels}
    evidence = instance.fired_evidence if is_drift else instance.evidence
    fields |= {name: value for name, value in evidence.items() if name not in fields}
    fields.setdefault("n", fields.get("n_long", fields.get("support")))
    fields.setdefault("burn", fields.get("burn_long"))
    text = "".join(_parts(own or DEFAULT_WORDS.get(instance.rule_kind, "{rule}"), fields))
    return f"it fired with: {text}" if is_drift and instance.phase is Phase.INACTIVE else text


def _no_data(evidence: Evidence) -> str:
    """Which of both is missing, and what is usual."""
    predictions, labelled = evidence.get("predictions"), evidence.get("labelled")
    if evidence.get("missing") == "predictions":
        usual = evidence.get("usual_share_of_hours")
        share = "" if usual is None else f"; {_said(usual, '.0%')} of stretches as long had some"
        return f"predictions are missing: none for {_lasting(evidence.get('silent_s'))}{share}"
    share = _said(evidence.get("completeness"), ".0%")
    if evidence.get("usual_completeness") is not None:
        share += f", usually {_said(evidence['usual_completeness'], '.0%')}"
    counts = f"{_said(labelled, '')} of {_said(predictions, '')} predictions have one ({share})"
    return f"labels are missing: {counts}" if evidence.get("missing") == "labels" else f"labels: {counts}"


def _rollup(evidence: Evidence) -> str:
    """Which classes fire; an alert without a class counts as one."""
    count, classes, named = evidence.get("firing_classes"), evidence.get("classes"), evidence.get("firing")
    of = evidence.get("of") or "alerts"
    if not isinstance(count, int) or not isinstance(classes, int) or not count:
        return f"{of}: of no class any more"
    total = f"{count} of {classes} classes" if count <= classes and classes > 1 else _counted(count, "class", "classes")
    return f"{of}: {named} ({total})" if named else f"{of} ({total})"


_SENTENCES: Mapping[str, Callable[[Evidence], str]] = {"no_data": _no_data, "rollup": _rollup}


def _lasting(seconds: object) -> str:
    """A time for people; whole hours from two hours on, else minutes."""
    if not isinstance(seconds, int):
        return "-"
    return f"{seconds // 3600} h" if seconds >= 2 * 3600 else f"{seconds // 60} min"


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _parts(template: str, fields: Mapping[str, object]) -> list[str]:
    parts = []
    try:
        for text, name, spec, _ in _CONVERSIONS.parse(template):
            parts.append(text)
            if name is not None:
                parts.append(_said(fields.get(name), spec or ""))
    except ValueError:  # braces that do not belong together: said as it is
        return [template]
    return parts


def _said(value: object, spec: str) -> str:
    if value is None:
        return "-"
    try:
        return format(value, spec)
    except (TypeError, ValueError):  # a number's format for text, or the reverse
        return str(value)
