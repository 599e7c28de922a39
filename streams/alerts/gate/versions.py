"""Which version is compared with which?"""

from collections.abc import Mapping

from streams.alerts.rules.model import Canary, selects

PREVIOUS = "previous"


def pairs(canary: Canary, first_seen: Mapping[str, int], standing: Mapping[str, str]) -> list[tuple[str, str]]:
    """The (candidate, baseline) pairs of a gate among versions of its model, sorted.

    `first_seen` has the time of each version's first prediction, `standing` the baseline of each candidate that the
    gate has compared before: it stays, also when that version is gone by now. A baseline of "previous" is the version
    that was seen first before the candidate; the oldest has none. A version that was there before a named baseline is
    a candidate only where the rule names it.
    """
    found = []
    for candidate in sorted(first_seen):
        if not selects(canary.candidate, candidate):
            continue
        baseline = standing.get(candidate) or _baseline(canary, candidate, first_seen)
        if baseline is not None and baseline != candidate and baseline in first_seen:
            found.append((candidate, baseline))
    return found


def _baseline(canary: Canary, candidate: str, first_seen: Mapping[str, int]) -> str | None:
    age = (first_seen[candidate], candidate)
    if canary.baseline == PREVIOUS:
        older = [(seen, version) for version, seen in first_seen.items() if (seen, version) < age]
        return max(older)[1] if older else None
    if canary.baseline not in first_seen:
        return None
    is_named = candidate in canary.candidate.split("|")
    return canary.baseline if is_named or (first_seen[canary.baseline], canary.baseline) < age else None
