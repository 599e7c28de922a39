"""docs/configuration.md and deploy/streams.toml have every key, with the default that the model has."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from streams.runtime.config.durations import format_duration
from streams.runtime.config.job import load, parse
from streams.runtime.config.model import Document, WindowsTable
from streams.runtime.config.problems import Code

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "deploy" / "streams.toml"
PAGE = (ROOT / "docs" / "configuration.md").read_text()
ENVIRONMENT = {"KAFKA_PASSWORD": "a-password", "STREAMS_PRIVACY_KEY": "a-key-of-twenty-characters"}

NAMED_TABLES = {"models": "NAME"}
"""Tables whose keys the operator chooses: what the documentation calls them."""


def keys(model: type[BaseModel] = Document, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every key of the model that holds a value, as a path, and its field."""
    for name, field in model.model_fields.items():
        path = (*at, field.alias or name)
        inner = [
            candidate
            for candidate in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if isinstance(candidate, type) and issubclass(candidate, BaseModel)
        ]
        if inner:
            yield from keys(inner[0], (*path, *([NAMED_TABLES[path[-1]]] if path[-1] in NAMED_TABLES else [])))
        else:
            yield path, field


def uncommented() -> str:
    """The example with every setting in use."""
    lines = EXAMPLE.read_text().splitlines()
    return "\n".join(re.sub(r"^#(?=[^ #])", "", line) for line in lines if not re.match(r"^# ?$|^# ", line))


def has(document: Any, path: tuple[str, ...]) -> bool:
    """Whether a document sets a key; of lists of tables and named tables any may."""
    if not path:
        return True
    if isinstance(document, list):
        return any(has(item, path) for item in document)
    if not isinstance(document, dict):
        return False
    if path[0] in NAMED_TABLES.values():
        return any(has(inner, path[1:]) for inner in document.values())
    return path[0] in document and has(document[path[0]], path[1:])


ALL_KEYS = [path for path, _ in keys()]


def test_the_walk_finds_keys_of_every_shape_of_table() -> None:
    assert {("name",), ("kafka", "client"), ("labels", "map", "class"), ("models", "NAME", "settle")} <= set(ALL_KEYS)


@pytest.mark.parametrize("path", ALL_KEYS, ids=".".join)
def test_every_key_is_in_the_documentation_and_in_the_example(path: tuple[str, ...]) -> None:
    assert f"| `{'.'.join(path)}` |" in PAGE
    assert has(tomllib.loads(uncommented()), path)


def test_the_documentation_has_no_key_that_does_not_exist() -> None:
    documented = re.findall(r"^\| `([A-Za-z_.]+)` \|", PAGE, re.MULTILINE)
    tables = {"predictions.map", "labels.map"}
    assert set(documented) - tables == {".".join(path) for path in ALL_KEYS}


def written(field: FieldInfo, name: str) -> str:
    default = field.get_default(call_default_factory=True)
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int) and name.endswith("_ms"):
        return f'"{format_duration(default)}"'
    return str(default).replace("'", '"') if isinstance(default, (list, dict, int, float)) else f'"{default}"'


def defaults() -> Iterator[tuple[str, str]]:
    """Keys whose documented default is a value, and that value."""
    for path, field in keys():
        has_value = not field.is_required() and field.default is not None and path != ("privacy_key",)
        if has_value:
            yield ".".join(path), written(field, "_ms" if is_duration(field) else "")


def is_duration(field: FieldInfo) -> bool:
    return any("_duration" in repr(item) for item in field.metadata)


@pytest.mark.parametrize(("key", "default"), list(defaults()))
def test_the_documented_default_is_the_default(key: str, default: str) -> None:
    assert f"| `{key}` | `{default}` |" in PAGE


def test_a_duration_is_recognised_by_the_walk() -> None:
    assert is_duration(WindowsTable.model_fields["pane_ms"])
    assert not is_duration(WindowsTable.model_fields["min_support"])


def test_the_example_can_be_loaded_as_it_is() -> None:
    load(EXAMPLE, {}).require_topics()


def test_the_example_can_be_loaded_with_every_setting_in_use() -> None:
    config = parse(uncommented(), str(EXAMPLE), ENVIRONMENT)
    config.require_topics()
    assert config.client["sasl.password"] == ENVIRONMENT["KAFKA_PASSWORD"]


def test_settings_of_the_example_that_are_said_to_be_defaults_are() -> None:
    unset = re.compile(r'"|privacy_key|positive|aliases|cache_dir|max_held_bytes|favourable')
    lines = [row for row in uncommented().splitlines() if not unset.match(row)]
    text = re.sub(
        r"^\[(models|labels\.ranks|reference\.training|cost).*?\n(?=\[)",
        "",
        "\n".join(lines),
        flags=re.DOTALL | re.MULTILINE,
    )
    ours = parse(text, str(EXAMPLE), {})
    usual = parse('[[predictions]]\ntopic = "predictions"\n[[labels]]\ntopic = "labels"', "usual.toml", {})
    assert ours.pinned() == usual.pinned()
    assert ours.quality == usual.quality
    assert ours.run == usual.run


def test_every_code_is_documented() -> None:
    assert re.findall(r"^\| (C\d+) \|", PAGE, re.MULTILINE) == [code.value for code in Code]
