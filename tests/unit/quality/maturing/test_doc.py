"""docs/outputs.md explains every field and every reason of an outlook; docs/nowcast.md the models."""

import re
from pathlib import Path

from streams.quality.maturing.completeness import Model
from streams.quality.maturing.outlook import Outlook, Unknown

DOCS = Path(__file__).parents[4] / "docs"
SECTION = (DOCS / "outputs.md").read_text(encoding="utf-8").partition("## Not yet known\n")[2].partition("\n## ")[0]


def test_every_field_of_an_outlook_is_explained() -> None:
    explained = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", SECTION, re.MULTILINE)))
    said = ["balanced_accuracy_nowcast" + name if name[0] == "_" else name for name in explained]
    assert said == [name for name in Outlook._fields if name not in {"nowcast_age_s", "undefined"}]


def test_every_reason_is_explained() -> None:
    for reason in Unknown:
        assert f"\n| {reason} | " in SECTION


def test_every_model_is_explained() -> None:
    text = (DOCS / "nowcast.md").read_text(encoding="utf-8")
    for model in Model:
        assert f"\n| `{model}` | " in text
        assert f"`{model}`" in SECTION
