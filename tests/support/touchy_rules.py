"""Rules so touchy that a handful of events fires, recovers and ends alerts of every kind."""

from streams.alerts.rules.model import (
    Canary,
    Comparison,
    DriftRule,
    Mute,
    NoData,
    Op,
    Retrain,
    Rollup,
    Rule,
    RuleSet,
    Severity,
    Slo,
    Tier,
)

ALL = (("model", "*"),)


def touchy_rules(step_ms: int, dimension: str, cls: str, window_ms: int, origin_ms: int = 0) -> RuleSet:
    """One rule of each kind; a class is muted for a while soon after `origin_ms`, `window_ms` is that of a window."""
    tiers = (
        Tier("fast", Severity.PAGE, 3 * step_ms, step_ms, 1.0, 0.2, keep_firing_ms=step_ms),
        Tier("slow", Severity.TICKET, 6 * step_ms, 2 * step_ms, 1.0, 0.0, keep_firing_ms=2 * step_ms),
    )
    silence = NoData(4 * step_ms)
    by = (f"segment.{dimension}",)
    low, lost = Comparison("value", Op.LT, 0.5), Comparison("value", Op.LT, 0.7)
    return RuleSet(
        "0123456789abcdef",
        step_ms,
        slos=(
            Slo("recall", ALL, 0.6, tiers=tiers, period_ms=60 * step_ms, min_n=2, min_bad=1, no_data=silence),
            Slo("by-segment", ALL, 0.8, "precision", tiers=tiers[:1], by=by, min_n=1, min_bad=1, no_data=None),
        ),
        rules=(
            Rule("accuracy-low", "accuracy", ALL, 4 * step_ms, low, keep_firing_ms=step_ms, for_ms=step_ms),
            Rule("slow-labels", "label_delay_p50", ALL, window_ms, Comparison("value", Op.GE, 0.0)),
            Rule("lost", "label_completeness", ALL, 5 * step_ms, lost, inhibits="model"),
        ),
        drifts=(DriftRule("drift", ("*",), ALL),),
        rollups=(Rollup("as-a-whole", "recall", Comparison("firing_classes", Op.GE, 2.0)),),
        canaries=(Canary("gate", "*", min_support=1, margin=0.3),),
        mutes=(
            Mute(
                cls,
                (("class", cls),),
                start_ms=origin_ms + 5 * step_ms,
                end_ms=origin_ms + 20 * step_ms,
                budget="exclude",
            ),
        ),
        retrains=(Retrain("again", "*", "recall", 1, 2, 60 * step_ms, new_labels_per_class=1, label_completeness=0.1),),
        max_page_age_ms=10 * step_ms,
        retire_after_ms=15 * step_ms,
        heartbeat_ms=3 * step_ms,
    )
