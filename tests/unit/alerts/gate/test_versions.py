"""Which version is compared with which."""

from streams.alerts.gate.versions import pairs
from streams.alerts.rules.model import Canary

SEEN = {"40": 1, "41": 5, "42": 9}


def test_the_previous_version_is_the_one_that_was_seen_first_before() -> None:
    assert pairs(Canary("g", "m"), SEEN, {}) == [("41", "40"), ("42", "41")]


def test_versions_that_were_seen_at_the_same_time_are_taken_by_name() -> None:
    assert pairs(Canary("g", "m"), {"b": 1, "a": 1}, {}) == [("b", "a")]


def test_a_named_baseline_is_compared_with_those_that_came_after_it() -> None:
    assert pairs(Canary("g", "m", baseline="41"), SEEN, {}) == [("42", "41")]


def test_a_candidate_that_the_rule_names_may_be_older() -> None:
    assert pairs(Canary("g", "m", candidate="40|39", baseline="41"), SEEN, {}) == [("40", "41")]


def test_only_candidates_that_the_rule_means() -> None:
    assert pairs(Canary("g", "m", candidate="!42"), SEEN, {}) == [("41", "40")]


def test_a_baseline_that_nobody_has_seen_is_waited_for() -> None:
    assert pairs(Canary("g", "m", baseline="99"), SEEN, {}) == []


def test_a_candidate_keeps_its_baseline_and_ends_with_it() -> None:
    assert pairs(Canary("g", "m"), {"40": 1, "41": 5, "41b": 6, "42": 9}, {"42": "41"})[-1] == ("42", "41")
    assert pairs(Canary("g", "m"), {"40": 1, "42": 9}, {"42": "41"}) == []
