"""What an alert says in one sentence."""

from collections.abc import Mapping
from string import Formatter

from streams.alerts.instance import Instance
from streams.alerts.rules.model import About, Severity

DEFAULT_WORDS: Mapping[str, str] = {
    "slo": "{class} {sli} {value:.1%} (n={n_long}) burns the budget of {target:.0%} at {burn_long:.1f}x",
    "threshold": "{metric} {value:.3g} (95 %: {lower95:.3g} to {upper95:.3g}, n={n})",
    "drift": "{kind} drift in {window} windows: {effect:.3g} ({subject})",
    "no_data": "labels or predictions are missing: {predictions} predictions, {labelled} labelled",
    "rollup": "{firing_classes} alerts of {rule} at once",
    "canary": "{reason}",
    "retrain": "retraining is due: {reason}",
}
"""By kind of rule; with fields of evidence and identity labels."""

_CONVERSIONS = Formatter()


def summary_of(instance: Instance, about: About) -> str:
    """The rule's template, or that of its kind, filled with what is known; what is not is a dash.

    Only plain names are filled in, so that neither a template nor a hostile label reaches into anything.
    """
    own = about.summary if instance.rule_kind != "no_data" else None  # it is about numbers that are missing here
    template = own or DEFAULT_WORDS.get(instance.rule_kind, "{rule}")
    fields: dict[str, object] = {"rule": instance.rule, "severity": instance.severity or Severity.TICKET}
    fields |= dict(instance.labels) | {name.replace("segment.", ""): v for name, v in instance.labels}
    fields |= {name: value for name, value in instance.evidence.items() if name not in fields}
    fields.setdefault("n", fields.get("n_long", fields.get("support")))
    fields.setdefault("burn", fields.get("burn_long"))
    return "".join(_parts(template, fields))


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
