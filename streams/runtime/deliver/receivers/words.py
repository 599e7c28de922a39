"""Tellings in words: what the bodies of all receivers have in common."""

from streams.alerts.telling.told import Batch, Kind, Telling

_MARKS = {"page": "PAGE", "ticket": "ticket"}


def labels_of(telling: Telling) -> dict[str, str]:
    """Static labels and those of identity."""
    return {**dict(telling.static), **dict(telling.labels)}


def where(telling: Telling) -> str:
    """What an alert is about: `fraud 42 class chargeback`."""
    labels = dict(telling.labels)
    parts = [labels.pop("model", ""), labels.pop("version", "")]
    return " ".join([part for part in parts if part] + [f"{name} {value}" for name, value in labels.items()])


def sentence(telling: Telling) -> str:
    """A telling as one line."""
    if telling.kind == Kind.NOTICE:
        return telling.summary or telling.rule
    what = f"{telling.rule} {where(telling)}".strip()
    if telling.kind == Kind.RESOLVED:
        return f"resolved: {what} ({(telling.reason or 'over').replace('_', ' ')})"
    said = f": {telling.summary}" if telling.summary else ""
    again = "" if telling.reason == "first" else f" ({telling.reason})"
    return f"{_MARKS.get(telling.severity, telling.severity)}: {what}{said}{again}"


def title(batch: Batch) -> str:
    """A batch as one line."""
    if len(batch.tellings) == 1:
        return sentence(batch.tellings[0])
    group = " ".join(value for _, value in batch.group) or "alerts"
    counts = [(kind, sum(telling.kind == kind for telling in batch.tellings)) for kind in Kind]
    return f"{group}: " + ", ".join(f"{count} {kind.value}" for kind, count in counts if count)
