"""What alerts say in one sentence, of each kind and at each turn."""

import pytest

from streams.alerts.instance import Instance, Phase, fingerprint, labels_of
from streams.alerts.rules.model import About, Severity
from streams.alerts.verdict import Evidence
from streams.alerts.watching.words import summary_of

LABELS = labels_of(model="m", version="2")
RECALL = About("{model} {version}: recall is not what it was (effect {effect:.2f})")


def said(
    kind: str,
    evidence: Evidence,
    *,
    phase: Phase = Phase.FIRING,
    fired: Evidence | None = None,
    about: About | None = None,
) -> str:
    alert = Instance(
        "r", kind, LABELS, fingerprint("r", LABELS), phase, severity=Severity.TICKET, evidence=evidence,
        fired_evidence=fired or {},
    )  # fmt: skip
    return summary_of(alert, about or About())


@pytest.mark.parametrize(
    ("firing", "count", "classes", "text"),
    [
        ("sp11, sp5", 2, 6, "recall: sp11, sp5 (2 of 6 classes)"),
        ("sp11", 1, 6, "recall: sp11 (1 of 6 classes)"),
        ("sp11, sp5", 2, 0, "recall: sp11, sp5 (2 classes)"),
        ("sp11", 1, 1, "recall: sp11 (1 class)"),
        ("", 1, 6, "recall (1 of 6 classes)"),
        ("", 0, 6, "recall: of no class any more"),
    ],
)
def test_a_rollup_names_its_rule_and_the_classes(firing: str, count: int, classes: int, text: str) -> None:
    evidence: Evidence = {"of": "recall", "firing_classes": count, "classes": classes, "firing": firing}
    assert said("rollup", evidence) == text


@pytest.mark.parametrize(
    ("missing", "usual", "text"),
    [
        ("labels", 0.54, "labels are missing: 58 of 149 predictions have one (39%, usually 54%)"),
        (None, 0.54, "labels: 58 of 149 predictions have one (39%, usually 54%)"),
        (None, None, "labels: 58 of 149 predictions have one (39%)"),
    ],
)
def test_missing_labels_are_beside_what_is_usual(missing: str | None, usual: float | None, text: str) -> None:
    evidence: Evidence = {
        "missing": missing, "predictions": 149, "labelled": 58, "completeness": 58 / 149, "usual_completeness": usual,
    }  # fmt: skip
    assert said("no_data", evidence) == text


def test_missing_predictions_say_for_how_long_and_how_unusual_that_is() -> None:
    evidence: Evidence = {"missing": "predictions", "silent_s": 7 * 3600, "usual_share_of_hours": 0.97, "labelled": 0}
    assert said("no_data", evidence) == "predictions are missing: none for 7 h; 97% of stretches as long had some"
    del evidence["usual_share_of_hours"]
    assert said("no_data", evidence | {"silent_s": 3000}) == "predictions are missing: none for 50 min"


def test_missing_data_do_not_use_the_words_of_the_rule_they_are_missing_for() -> None:
    evidence: Evidence = {"missing": "predictions", "silent_s": 7 * 3600}
    assert said("no_data", evidence, about=RECALL) == "predictions are missing: none for 7 h"


def test_drift_says_what_it_fired_on_until_it_is_over_and_then_that_it_is_past() -> None:
    now: Evidence = {"effect": 0.0}
    then: Evidence = {"effect": 0.31}
    open_still = said("drift", now, fired=then, about=RECALL)
    assert open_still == "m 2: recall is not what it was (effect 0.31)"
    over = said("drift", now, phase=Phase.INACTIVE, fired=then, about=RECALL)
    assert over == "it fired with: m 2: recall is not what it was (effect 0.31)"


def test_other_kinds_say_how_it_is_now() -> None:
    about = About("{class} recall {value:.0%} (n={n}), {what} {burn:.1f}x")
    text = said("slo", {"value": 0.5, "n_long": 12, "burn_long": 5.0}, fired={"value": 0.1}, about=about)
    assert text == "- recall 50% (n=12), - 5.0x"
