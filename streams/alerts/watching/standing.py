"""How an error budget stands at the newest step, for whoever wants to see it before an alert does."""

from typing import NamedTuple


class TierBurn(NamedTuple):
    """One tier: burn rates over its long and short window, None where nothing was counted, and its threshold."""

    tier: str
    long: float | None
    short: float | None
    threshold: float


class Standing(NamedTuple):
    """The error budget of one class of a model version; what cannot be said is None."""

    slo: str
    model: str
    version: str
    cls: str
    target: float
    remaining: float | None  # share of the period's budget; negative when it is overspent
    exhaustion_s: float | None  # at the burn of the first tier's long window
    tiers: tuple[TierBurn, ...]
