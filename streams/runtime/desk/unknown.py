"""Does a mute name what nothing known has? It may be ahead of a new version, or it is a mistake in writing.

Of models it is known which were judged. Versions and classes are known of alerts that are not inactive only; where
there are none of the models that are meant, or some of them are there, nothing is said: others may be well.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from streams.alerts.rules.model import Mute, selects
from streams.runtime.config.problems import closest
from streams.runtime.desk.requests import Judged
from streams.runtime.rules.values import names_in

MOST_NAMED = 12
_ROW_KEYS = {"version": "model_version", "class": "class"}


class Unknown(NamedTuple):
    """Names of one label in a mute that nothing known has, and those that there are; both sorted."""

    label: str
    names: tuple[str, ...]
    known: tuple[str, ...]

    @property
    def is_wrong(self) -> bool:
        """Whether nothing of the name is there at all; what has no alert now may be well."""
        return self.label == "model"

    @property
    def written(self) -> str:
        """One sentence, or two."""
        what = "was judged so far" if self.label == "model" else "has an alert now"
        named = " or ".join(f'"{name[:60]}"' for name in self.names)
        more = ", ..." if len(self.known) > MOST_NAMED else ""
        guess = closest(self.names[0], self.known) if len(self.names) == 1 else ""
        near = guess if guess.startswith(" Did") else ""
        return f"no {self.label} {named} {what}; there are {', '.join(self.known[:MOST_NAMED])}{more}.{near}"


def unknown_in(mute: Mute, judged: Judged, rows: Iterable[Mapping[str, Any]]) -> list[Unknown]:
    """What a mute names and nothing known has. `rows` are those of alerts that are not inactive."""
    match = dict(mute.match)
    model, rule = match.get("model", "*"), match.get("rule", "*")
    found = [_unknown("model", model, frozenset(judged))]
    ours = [row for row in rows if selects(model, row["model"]) and selects(rule, row["rule"])]
    for label, key in _ROW_KEYS.items():
        found.append(_unknown(label, match.get(label, "*"), frozenset(row[key] for row in ours if row[key])))
    return [one for one in found if one.names and one.known]


def _unknown(label: str, pattern: str, known: frozenset[str]) -> Unknown:
    names = {*names_in(pattern)}
    if label != "model" and names & known:  # the others may be well
        names = set()
    return Unknown(label, tuple(sorted(names - known)), tuple(sorted(known)))
