"""What tools are told of a file of rules: its problems, or what it asks."""

from streams.runtime.config.problems import InvalidConfigError, Problem
from streams.runtime.rules.load import Loaded

KINDS = ("slos", "rules", "drifts", "rollups", "canaries", "mutes", "retrains")
"""The kinds of rules, as a `RuleSet` calls them."""


def as_dict(problem: Problem, file: str) -> dict[str, object]:
    """A problem for tools."""
    return {"file": file, "line": problem.line, "code": problem.code, "key": problem.key, "text": problem.text}


def summary_of(loaded: Loaded) -> dict[str, object]:
    """What rules ask, for tools."""
    rules = loaded.rules
    return {
        "rules_hash": rules.hash,
        "step_ms": rules.step_ms,
        **{kind: [one.name for one in getattr(rules, kind)] for kind in KINDS},
        "warnings": [as_dict(warning, loaded.file) for warning in loaded.warnings],
    }


def right(loaded: Loaded) -> dict[str, object]:
    """The answer to rules without errors."""
    return {"ok": True, "problems": [], **summary_of(loaded)}


def wrong(error: InvalidConfigError) -> dict[str, object]:
    """The answer to rules with errors: every one."""
    return {"ok": False, "problems": [as_dict(problem, error.file) for problem in error.problems]}
