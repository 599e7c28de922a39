"""What stands in for keys that are wrong or missing, so that the rest of their table can be asked at the same time.

A stand-in only has the right type: nothing may be concluded from it (`Sheet.knows`). A key with a default needs none,
and is left out.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from streams.runtime.config.lines import KeyPath

_TIER = {"name": "unnamed", "severity": "ticket", "long": "2h", "short": "1h", "alpha": 0.5}
_WEEKLY = {"day": "mon", "from": "00:00", "to": "01:00", "zone": "UTC"}

STAND_INS: Mapping[str, object] = {
    "schema": 1,
    "slo.name": "unnamed",
    "slo.target": 0.5,
    "slo.tiers[]": _TIER,
    **{f"slo.tiers[].{key}": value for key, value in _TIER.items()},
    "slo.by[]": "",
    "rule.name": "unnamed",
    "rule.metric": "accuracy",
    "rule.window": "1h",
    "rule.fire_when": "value < 0.5",
    "rule.by[]": "",
    "drift.name": "unnamed",
    "drift.kinds": ["*"],
    "drift.kinds[]": "*",
    "drift.windows[]": "*",
    "rollup.name": "unnamed",
    "rollup.of": "unnamed",
    "rollup.when": "firing_classes >= 1",
    "rollup.by[]": "",
    "canary.name": "unnamed",
    "canary.model": "unnamed",
    "mute.name": "unnamed",
    **{f"mute.weekly.{key}": value for key, value in _WEEKLY.items()},
    "retrain.name": "unnamed",
    "retrain.model": "unnamed",
    "retrain.when": {"budget_exhausted": "unnamed"},
    "retrain.when.budget_exhausted": "unnamed",
}
"""By key, without the number of the table; `[]` is any item of a list. Lists without one go as a whole."""


def place_of(raw: Mapping[str, Any], told: KeyPath) -> KeyPath:
    """Where a place that a validator tells of is in a table: `"segment.region"` of a match may be a table in it."""
    path: KeyPath = ()
    node: object = raw
    for step in told:
        if step == "[key]" and not _has(node, step):  # pydantic's mark of a table's key
            break
        steps: KeyPath = (step,)
        if isinstance(step, str) and step.startswith("segment.") and not _has(node, step) and _has(node, "segment"):
            steps = ("segment", step.removeprefix("segment."))
        path += steps
        for one in steps:
            node = node[one] if _has(node, one) else None  # type: ignore[index]
    return path


def stood_in(raw: Mapping[str, Any], places: Iterable[KeyPath], kind: str) -> tuple[dict[str, Any], list[KeyPath]]:
    """A table of a kind with stand-ins at some places, and where they are: lists may have gone as a whole.

    `kind` is "" for what stands once in the file.
    """
    rest: dict[str, Any] = deepcopy(dict(raw))
    return rest, [_replace(rest, place, kind) for place in places if place]


def _replace(rest: dict[str, Any], place: KeyPath, kind: str) -> KeyPath:
    node: object = rest
    for size, step in enumerate(place[:-1], 1):
        if not _has(node, step):  # it went with what was around it
            return place[:size]
        node = node[step]  # type: ignore[index]
    last, stand_in = place[-1], STAND_INS.get(_called(kind, place))
    if isinstance(node, list) and stand_in is None:
        return _replace(rest, place[:-1], kind)
    if stand_in is not None and (isinstance(node, dict) or _has(node, last)):
        node[last] = deepcopy(stand_in)  # type: ignore[index]
    elif isinstance(node, dict):
        node.pop(last, None)
    return place


def _called(kind: str, place: KeyPath) -> str:
    return kind + "".join("[]" if isinstance(step, int) else f".{step}" for step in place) if kind else str(place[0])


def _has(node: object, step: str | int) -> bool:
    return step in node if isinstance(node, dict) else isinstance(node, list) and step in range(len(node))
