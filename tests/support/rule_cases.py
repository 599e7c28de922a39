"""What people are told in a case of a rules test, both given as TOML."""

from streams.ledger.spec import Timing
from streams.quality.spec import QualitySpec, parse_window
from streams.runtime.rules.case_run import quality_of, run_case
from streams.runtime.rules.cases import parse_cases
from streams.runtime.rules.load import parse_rules

HEAD = 'schema = 1\n[defaults]\nrunbook_base = "https://books.example/"\n'


def told(rules: str, case: str, settle_ms: int | None = None) -> list[tuple[str, str, str | None, str | None]]:
    """(rule, kind, severity, reason) of everything told, in order; `case` is the body of one, without its name.

    Without `labels` it is about version 1 of the model m. Windows settle after `settle_ms`, or as they usually do.
    """
    body = case if "labels =" in case else f'labels = {{ model = "m", version = "1" }}\n{case}'
    (one,) = parse_cases(f'[[case]]\nname = "one"\n{body}\nexpect = []\n', "case.toml").case
    asked = parse_rules(HEAD + rules, "rules.toml").rules
    quality = quality_of(one, asked)
    if settle_ms is not None:
        quality = QualitySpec(
            (parse_window("24h"),), asked.step_ms, Timing(settle_ms=settle_ms), detail_ms=asked.step_ms
        )
    return [(one.rule, one.kind, one.severity, one.reason) for one in run_case(one, asked, quality)]
