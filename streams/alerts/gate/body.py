"""What a gate answers: the body of its endpoint, and the row of the gates topic that it is made from.

Numbers that cannot be said are null. A body is an evaluation: its id is the same whoever makes it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from streams.alerts.gate.verdict import Comparison, GateVerdict
from streams.alerts.instance import digest
from streams.alerts.rules.model import Canary
from streams.ledger.times import rfc3339
from streams.quality.rows import encode_part

SCHEMA = "quality.gate.v1"

Body = dict[str, Any]


class Evaluation(NamedTuple):
    """One evaluation of a pair of versions; `t` is the end of the step, `start` and `end` bound the hours, ms."""

    candidate: str
    baseline: str
    t: int
    start: int | None
    end: int | None
    label_completeness: float | None
    comparison: Comparison
    reason: str


class GateResult(NamedTuple):
    """What a gate says now. `is_new` says that `body` is another one than before, so that a row is due.

    `t` is the end of the step that the body is of, `settled_at` the watermark at which it had settled, ms.
    """

    verdict: GateVerdict
    body: Body
    t: int
    settled_at: int
    is_new: bool


def gate_key(gate: str, candidate: str, baseline: str) -> str:
    """The key of a pair's row."""
    return "|".join(map(encode_part, (gate, candidate, baseline)))


def gate_body(canary: Canary, found: Evaluation) -> Body:
    """The answer, without the lag of the watermark: only who serves it has a clock."""
    result = found.comparison
    counts = ",".join(f"{encode_part(c.name)}:{c.n}:{c.n_base}" for c in result.classes)
    numbers = f"{result.verdict}|{result.candidate!r}|{result.baseline!r}|{counts}"
    window = None
    if found.start is not None and found.end is not None:
        window = {"from": rfc3339(found.start), "to": rfc3339(found.end)}
    return {
        "schema": 1,
        "gate": canary.name,
        "verdict": result.verdict.value,
        "code": result.verdict.code,
        "reason": found.reason,
        "candidate": {"version": found.candidate, "balanced_accuracy": _rounded(result.candidate)},
        "baseline": {"version": found.baseline, "balanced_accuracy": _rounded(result.baseline)},
        "delta": _rounded(result.delta),
        "lower": _rounded(result.lower),
        "upper": _rounded(result.upper),
        "margin": canary.margin,
        "alpha": canary.alpha,
        "test": canary.test,
        "classes": [
            {"class": c.name, "n": c.n, "n_base": c.n_base, "delta": _rounded(c.delta), "veto": c.veto}
            for c in result.classes
        ],
        "window": window,
        "label_completeness": _rounded(found.label_completeness),
        "watermark_lag_s": None,
        "id": digest(f"{gate_key(canary.name, found.candidate, found.baseline)}|{found.t}|{numbers}"),
    }


def unseen_body(gate: str, terms: tuple[float, float, str], candidate: str, baseline: str | None) -> Body:
    """The answer of a gate that has not compared a candidate yet; `terms` are its margin, alpha and test."""
    against = "any other version" if baseline is None else f"version {baseline}"
    margin, alpha, test = terms
    return {
        "schema": 1,
        "gate": gate,
        "verdict": GateVerdict.INCONCLUSIVE.value,
        "code": GateVerdict.INCONCLUSIVE.code,
        "reason": f"version {candidate} has not been compared with {against} yet",
        "candidate": {"version": candidate, "balanced_accuracy": None},
        "baseline": {"version": baseline, "balanced_accuracy": None},
        "delta": None,
        "lower": None,
        "upper": None,
        "margin": margin,
        "alpha": alpha,
        "test": test,
        "classes": [],
        "window": None,
        "label_completeness": None,
        "watermark_lag_s": None,
        "id": digest(f"{gate_key(gate, candidate, baseline or '')}|unseen"),
    }


def gate_row(model: str, result: GateResult, design: str, rules_hash: str) -> dict[str, object]:
    """The row (`quality.gate.v1`) of a body, fields in order."""
    body = result.body
    window = body["window"] or {"from": None, "to": None}
    return {
        "schema": SCHEMA,
        "gate": body["gate"],
        "model": model,
        "candidate": body["candidate"]["version"],
        "baseline": body["baseline"]["version"],
        "verdict": body["verdict"],
        "code": body["code"],
        "reason": body["reason"],
        "candidate_balanced_accuracy": body["candidate"]["balanced_accuracy"],
        "baseline_balanced_accuracy": body["baseline"]["balanced_accuracy"],
        "delta": body["delta"],
        "lower": body["lower"],
        "upper": body["upper"],
        "margin": body["margin"],
        "alpha": body["alpha"],
        "test": body["test"],
        "design": design,
        "classes": body["classes"],
        "window_start": window["from"],
        "window_end": window["to"],
        "label_completeness": body["label_completeness"],
        "t": rfc3339(result.t),
        "settled_at": rfc3339(result.settled_at),
        "rules_hash": rules_hash,
        "evaluation_id": body["id"],
    }


def body_of(row: Mapping[str, Any], watermark_lag_s: int | None = None) -> Body:
    """The body that a row was made from."""
    has_window = row["window_start"] is not None
    return {
        "schema": 1,
        "gate": row["gate"],
        "verdict": row["verdict"],
        "code": row["code"],
        "reason": row["reason"],
        "candidate": {"version": row["candidate"], "balanced_accuracy": row["candidate_balanced_accuracy"]},
        "baseline": {"version": row["baseline"], "balanced_accuracy": row["baseline_balanced_accuracy"]},
        **{name: row[name] for name in ("delta", "lower", "upper", "margin", "alpha", "test", "classes")},
        "window": {"from": row["window_start"], "to": row["window_end"]} if has_window else None,
        "label_completeness": row["label_completeness"],
        "watermark_lag_s": watermark_lag_s,
        "id": row["evaluation_id"],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6) + 0.0
