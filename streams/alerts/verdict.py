"""What one rule says of one thing at one step: a verdict with its evidence."""

from enum import StrEnum
from typing import NamedTuple

from streams.alerts.rules.model import Severity

Evidence = dict[str, float | int | str | None]
"""Numbers behind a verdict, by name; what cannot be said is None. Flat, so that it can be a row."""


class Verdict(StrEnum):
    """What a step says."""

    BREACH = "breach"  # the fire condition holds, with enough support
    CLEAR = "clear"  # the resolve condition holds, with enough support: being well must be earned by evidence
    HOLD = "hold"  # neither, or too little to say; silence at night is this
    NODATA = "nodata"  # no settled window, or too few of the labels that usually are there


class Policy(NamedTuple):
    """How an instance goes from phase to phase, ms of event time."""

    for_ms: int = 0  # a breach lasts so long before it fires
    keep_firing_ms: int = 3_600_000  # it is clear for so long before it is over
    clear_support: int = 0  # events that the clear steps must have had together
    pending_ttl_ms: int = 21_600_000
    nodata_resolves_ms: int | None = None


class Judgement(NamedTuple):
    """The verdict of one step on one instance.

    `severity` and `tier` are those of a BREACH (the highest that breaches), None otherwise. `support` is the number
    of events that the newest step brought. `policy` may depend on the tier.
    """

    verdict: Verdict
    policy: Policy
    severity: Severity | None = None
    tier: str | None = None
    support: int = 0
    evidence: Evidence = {}  # noqa: RUF012 - never changed
