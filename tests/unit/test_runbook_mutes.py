"""What a runbook says about muting covers the alert that led to it."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from streams.alerts.instance import Labels, labels_of
from streams.alerts.missing import no_data_name
from streams.alerts.mutes import concerns
from streams.alerts.rules.model import Mute
from streams.cli.main import app
from streams.cli.mute import patterns

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"
LINES = {
    path.stem: line
    for path in sorted(FOLDER.glob("*.md"))
    for line in re.findall(r"^streams mute NAME .*$", path.read_text(), re.MULTILINE)
}

VERSION = labels_of(model="m", version="2")
CLASS = labels_of(model="m", version="2", **{"class": "c"})
DRIFT = labels_of(model="m", version="2", kind="performance", window="24h")
ALERTS: dict[str, tuple[str, Labels]] = {
    "AlertActive": ("r", CLASS),
    "BalancedAccuracyLow": ("r", VERSION),
    "CanaryFailed": ("r", VERSION),
    "ErrorBudgetBurn": ("r", CLASS),
    "LabelDrift": ("r", DRIFT),
    "LabelQualityDrift": ("r", DRIFT),
    "ModelVersionDegraded": ("r", VERSION),
    "MuteEnds": ("r", CLASS),
    "NoData": (no_data_name("r"), VERSION),
    "PerformanceDrift": ("r", DRIFT),
    "PredictionDrift": ("r", DRIFT),
}
"""The rule and the labels of an alert that leads to each runbook."""

MEANT = {"RULE": "r", "MODEL": "m", "VERSION": "2", "CLASS": "c"}


def mute_in(line: str) -> Mute:
    commands = typer.main.get_command(app)
    assert isinstance(commands, TyperGroup)
    words = shlex.split(re.sub("|".join(MEANT), lambda found: MEANT[found[0]], line))
    given = commands.commands["mute"].make_context("mute", words[2:]).params
    assert given["length"]
    assert given["reason"]
    return Mute("n", tuple(patterns(given["match"]).items()))


def test_every_runbook_that_mutes_is_known() -> None:
    assert sorted(LINES) == sorted(ALERTS)


@pytest.mark.parametrize("name", sorted(LINES))
def test_the_mute_of_a_runbook_covers_its_alert_and_no_other_version(name: str) -> None:
    mute, (rule, labels) = mute_in(LINES[name]), ALERTS[name]
    assert concerns(mute, labels, rule)
    other = tuple((label, "3" if label == "version" else value) for label, value in labels)
    assert concerns(mute, other, rule) == (name == "MuteEnds")


def test_what_a_version_as_a_whole_is_muted_with_covers_its_classes() -> None:
    assert concerns(mute_in(LINES["ModelVersionDegraded"]), CLASS, "recall")
