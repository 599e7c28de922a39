"""What the command line of a replay says instead of the configuration, and what follows from it."""

import pytest
import typer

from streams.cli.replay_config import Overrides
from streams.ledger.spec import HOUR, MINUTE
from streams.runtime.config.job import parse


@pytest.mark.parametrize(
    ("detail", "pane", "detail_ms"),
    [
        ("", "10m", HOUR),
        ("", "7m", 63 * MINUTE),
        ("", "2h", 2 * HOUR),
        ('detail = "30m"', "10m", 30 * MINUTE),
        ('detail = "30m"', "20m", HOUR),
    ],
)
def test_details_stay_whole_panes_when_the_pane_is_another(detail: str, pane: str, detail_ms: int) -> None:
    config = parse(f"[windows]\n{detail}\n", "c.toml", {})
    changed = Overrides(windows=["14h"], pane=pane).apply(config)
    assert changed.quality.detail_ms == changed.ledger.detail_ms == detail_ms
    assert changed.config_hash != config.config_hash


def test_a_horizon_below_a_label_age_of_the_views_is_refused() -> None:
    config = parse('[windows]\nviews = ["maturity-24h"]\n', "c.toml", {})
    assert Overrides(horizon="24h", slack="1s", settle="1h").apply(config).quality.maturities_ms == (24 * HOUR,)
    with pytest.raises(typer.BadParameter, match=r"after which windows are final: some of windows\.views are later"):
        Overrides(horizon="24h", slack="0s", settle="1h").apply(config)
