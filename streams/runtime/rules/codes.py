"""Every kind of problem that a rules file can have; docs/rules.md describes each."""

from collections.abc import Mapping
from enum import StrEnum

from streams.runtime.config.problems import Code


class RuleCode(StrEnum):
    """E: the file is refused. W: it is taken, and somebody should know."""

    BURN = "E101"
    TIER_WINDOWS = "E102"
    UNKNOWN_KEY = "E103"
    FLAPS = "E104"
    STEP = "E105"
    RETENTION = "E106"
    RUNBOOK = "E107"
    CLASS = "E108"
    TWICE = "E109"
    IDENTITY = "E110"
    MUTE = "E111"
    TIER_PERIOD = "E112"
    UNREADABLE = "E113"
    SYNTAX = "E114"
    MISSING_KEY = "E115"
    WRONG_TYPE = "E116"
    WRONG_VALUE = "E117"
    DURATION = "E118"
    CONDITION = "E119"
    METRIC = "E120"
    GROUPING = "E121"
    WINDOW = "E122"
    DIMENSION = "E123"
    UNKNOWN_RULE = "E124"
    DRIFT_KIND = "E125"
    GATE_TEST = "E126"
    MUTE_TIME = "E127"
    ALIAS = "E128"
    CONFLICT = "E129"
    AGE = "W201"
    FEW_EVENTS = "W202"
    FALSE_PAGES = "W203"
    MATCHES_NOTHING = "W204"


OF_JOB: Mapping[str, RuleCode] = {
    Code.UNREADABLE: RuleCode.UNREADABLE,
    Code.SYNTAX: RuleCode.SYNTAX,
    Code.UNKNOWN_KEY: RuleCode.UNKNOWN_KEY,
    Code.MISSING_KEY: RuleCode.MISSING_KEY,
    Code.WRONG_TYPE: RuleCode.WRONG_TYPE,
    Code.WRONG_VALUE: RuleCode.WRONG_VALUE,
    Code.DURATION: RuleCode.DURATION,
}
"""The codes of problems that every TOML file of ours can have, by those of the job's file."""
