"""The gate over two versions of a model: judged at each step, decided once.

What a decision is worth later:

- A `pass` stands. A test that is valid at every look may stop at the first crossing, and a body that wavers between
  pass and inconclusive helps nobody. It is still looked at until `max_duration`: a later `fail` replaces it, since the
  bound on a wrong `fail` also holds over all looks together.
- A `fail` is final, and the gate is closed. So is one that has seen `max_duration` without an answer: it stays
  inconclusive, and a person decides.
- An evaluation that says what the one before said is not told again.
- The body of a decision is that of the step that made it, also when labels are corrected later.
- The rule asks another question (margin, alpha, test ...): that is another gate, and begins anew on the same events.

Planned tests (`fixed`, `obf:N`) look at equal shares of `max_duration` after the first shared hour, and only then.
"""

import msgspec

from streams.alerts.evidence.series import Hours, Series
from streams.alerts.gate import reasons
from streams.alerts.gate.body import Body, Evaluation, GateResult, gate_body
from streams.alerts.gate.evaluation import Pairs, evaluate, terms_of
from streams.alerts.gate.overlap import overlap
from streams.alerts.gate.verdict import GateVerdict
from streams.alerts.instance import Labels, digest, labels_of
from streams.alerts.rules.model import DAY, HOUR, Canary
from streams.alerts.verdict import Evidence, Judgement, Policy, Verdict
from streams.ledger.times import rfc3339

KEPT_MS = 28 * DAY
"""How far back the hours of a series go."""

POLICY = Policy(for_ms=0, keep_firing_ms=0)
"""A failed gate is an alert at once: the test has waited long enough."""


class GateState(msgspec.Struct):
    """What is remembered of a pair of versions. `start` is the first shared hour, times ms, 0 without."""

    question: str = ""  # the terms that the verdict is about
    start: int = 0
    look: int = 0  # the last planned look that was taken
    looked: int = 0  # the step of the last evaluation
    verdict: str = ""  # of the body; "" before there was one
    closed: bool = False
    t: int = 0  # the step that the body is of
    settled_at: int = 0
    body: Body | None = None


def judge_gate(
    canary: Canary,
    candidate: str,
    baseline: str,
    candidate_series: Series,
    baseline_series: Series,
    t: int,
    settle_ms: int,
    state: GateState,
    pairs: Pairs | None = None,
) -> GateResult:
    """Judge one pair of versions at the step that ends at `t`; `state` is brought up to date.

    `pairs` are for a shadow gate, over the hours since `state.start`; without them it takes the arms as independent,
    and says so. Raises ValueError for a test that does not exist.
    """
    question = _question(canary)
    if state.question != question:
        state.question, state.look, state.verdict, state.closed, state.body = question, 0, "", False, None
    if not state.closed and _is_due(canary, state, t):
        state.looked = t
        found = _evaluate(canary, (candidate, baseline), candidate_series, baseline_series, t, state, pairs)
        _take(canary, state, found, settle_ms)
    body = state.body
    assert body is not None  # noqa: S101 - the first evaluation always counts
    return GateResult(GateVerdict(state.verdict), body, state.t, state.settled_at, is_new=state.t == t)


def gate_judgement(canary: Canary, result: GateResult) -> Judgement:
    """What a gate means for its alert: a fail fires, a pass is clear, anything else says nothing."""
    verdicts = {GateVerdict.FAIL: Verdict.BREACH, GateVerdict.PASS: Verdict.CLEAR}
    verdict = verdicts.get(result.verdict, Verdict.HOLD)
    body = result.body
    evidence: Evidence = {
        "n": sum(c["n"] for c in body["classes"]),
        "n_base": sum(c["n_base"] for c in body["classes"]),
        "value": body["candidate"]["balanced_accuracy"],
        "baseline": body["baseline"]["version"],
        "baseline_value": body["baseline"]["balanced_accuracy"],
        "delta": body["delta"],
        "lower95": body["lower"],
        "upper95": body["upper"],
        "threshold": -canary.margin,
        "vetoes": ", ".join(c["class"] for c in body["classes"] if c["veto"]) or None,
        "reason": body["reason"],
    }
    support = sum(c["n"] for c in body["classes"]) if verdict is Verdict.CLEAR else 0
    severity = canary.severity if verdict is Verdict.BREACH else None
    return Judgement(verdict, POLICY, severity, None, support, evidence)


def gate_labels(model: str, candidate: str) -> Labels:
    """The identity of a gate's alert, besides its rule: the version that is at fault."""
    return labels_of(model=model, version=candidate)


def _is_due(canary: Canary, state: GateState, t: int) -> bool:
    """Whether to look at `t`: at each step of the first shared day, else as each hour is full; at planned looks."""
    if not state.verdict or _is_last(canary, state, t):
        return True
    is_full = t // HOUR > state.looked // HOUR
    if not state.start:
        return is_full
    looks = terms_of(canary).plan.looks
    if looks and state.look:
        return _due(canary, looks, state, t) > state.look
    return is_full or t - state.start <= DAY or _due(canary, looks, state, t) > state.look


def _is_last(canary: Canary, state: GateState, t: int) -> bool:
    return bool(state.start) and t >= state.start + canary.max_duration_ms


def _due(canary: Canary, looks: int, state: GateState, t: int) -> int:
    """How many planned looks have come."""
    return min((t - state.start) * looks // canary.max_duration_ms, looks) if state.start else 0


def _evaluate(
    canary: Canary,
    versions: tuple[str, str],
    own: Series,
    base: Series,
    t: int,
    state: GateState,
    pairs: Pairs | None,
) -> Evaluation:
    """What the hours that both share say at `t`; the first one and the look are noted."""
    terms = terms_of(canary)
    kept = _kept(own, t), _kept(base, t)
    if not state.start:
        state.start = overlap(*kept, HOUR, None).start or 0
    shared = overlap(*kept, HOUR, (state.start, state.start + canary.max_duration_ms), canary.cls)
    waits, looks = "", terms.plan.looks
    if looks and state.start:
        due = _due(canary, looks, state, t)
        if due > state.look:
            state.look = due
            terms = terms._replace(look=due)
        else:
            when = state.start - (-(due + 1) * canary.max_duration_ms) // looks  # rounded up: then it has come
            waits = reasons.not_looked(due + 1, looks, rfc3339(when))
    return evaluate(canary, versions, shared, terms, t, _usual(own, base), pairs, waits)


def _take(canary: Canary, state: GateState, found: Evaluation, settle_ms: int) -> None:
    """Let an evaluation count, or leave what was decided."""
    is_last = _is_last(canary, state, found.t)
    verdict = found.comparison.verdict
    decided = state.verdict == GateVerdict.PASS
    state.closed = is_last or verdict is GateVerdict.FAIL
    if decided and verdict is not GateVerdict.FAIL:
        return
    if is_last and verdict is GateVerdict.INCONCLUSIVE:
        found = found._replace(reason=reasons.undecided(canary.max_duration_ms, found.reason))
    body = gate_body(canary, found)
    if state.body is not None and {**state.body, "id": None} == {**body, "id": None}:
        return  # nothing is new: at night, or where the versions never meet
    state.verdict, state.t, state.settled_at, state.body = verdict.value, found.t, found.t + settle_ms, body


def _kept(series: Series, t: int) -> tuple[list[str], Hours]:
    return series.classes, series.hours(t - KEPT_MS, t)


def _usual(own: Series, base: Series) -> float | None:
    """The share of predictions that usually have a label when their step settles; as the baseline knows it."""
    for series in (base, own):
        usual = series.usual_share()
        if usual is not None:
            return usual
    return None


def _question(canary: Canary) -> str:
    return digest(
        f"{canary.metric}|{canary.margin!r}|{canary.class_margin!r}|{canary.alpha!r}|{canary.test}|{canary.design}|"
        f"{canary.min_support}|{canary.max_duration_ms}|{canary.ready!r}"
        + ("" if canary.cls == "*" else f"|{canary.cls}")
    )
