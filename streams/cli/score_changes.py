"""When did something really change? The known change points of a replay, from a TOML or JSON file.

    [[change]]
    name = "sensors replaced"        # said in the report
    at = 2026-03-04T06:21:12Z
    until = 2026-03-06T00:00:00Z     # of a gradual change; else it is at once
    model = "fraud"                  # only there; so are version and segment
    kinds = ["performance"]          # only these kinds of drift can see it; else all

JSON has a list of the same. The answers that come with a labelled log set (`{"drift": {"known": [...]}}`, each with an
`event_time`) are read, too.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from streams.cli.moments import parse_moment
from streams.quality.drift.finding import Kind
from streams.quality.measures.label_quality import RateKind
from streams.runtime.errors import ConfigError

KINDS = (*(kind.value for kind in Kind), *(kind.value for kind in RateKind))
"""Every kind of drift that can be scored."""

_KEYS = ("name", "at", "until", "model", "version", "segment", "kinds")


@dataclass(frozen=True, slots=True)
class Change:
    """A real change in [at_ms, until_ms], of one model, version or segment, or (None) of all; `kinds` empty: of all."""

    name: str
    at_ms: int
    until_ms: int
    model: str | None = None
    version: str | None = None
    segment: str | None = None
    kinds: tuple[str, ...] = ()


def read_changes(path: Path) -> list[Change]:
    """The changes in a file, in the order of time. Raises `ConfigError` with the first thing that is wrong."""
    content = _parsed(path)
    if isinstance(content, dict) and isinstance(content.get("drift"), dict) and "known" in content["drift"]:
        entries = [_of_answers(entry, content.get("model")) for entry in _list(path, content["drift"]["known"])]
    else:
        entries = _list(path, content.get("change") if isinstance(content, dict) else content)
    changes = [_change(path, n, entry) for n, entry in enumerate(entries, 1)]
    return sorted(changes, key=lambda change: (change.at_ms, change.name))


def _parsed(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Name a file of change points.") from None
    except ValueError as error:
        language = "JSON" if path.suffix == ".json" else "TOML"
        raise ConfigError(f"{path} is not {language}: {error}.") from None


def _list(path: Path, entries: object) -> list[Any]:
    if not isinstance(entries, list):
        raise ConfigError(f"{path} has no list of changes: write [[change]] tables, or a JSON list.")
    return entries


def _of_answers(entry: object, model: object) -> object:
    """A change as the answers of a log set have it; its time is a text or ms since 1970."""
    if not isinstance(entry, dict):
        return entry
    at = entry.get("event_time_iso", entry.get("event_time"))
    return {"name": entry.get("kind", "known drift"), "at": at} | ({"model": model} if model else {})


def _change(path: Path, n: int, entry: object) -> Change:
    where = f"{path}: change {n}"
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where} is not a table. Give it at least `at`, the time of the change.")
    unknown = sorted(set(entry) - set(_KEYS))
    if unknown:
        raise ConfigError(f"{where} has the unknown key {unknown[0]!r}. Known are {', '.join(_KEYS)}.")
    at_ms = _moment(where, "at", entry.get("at"))
    until_ms = at_ms if entry.get("until") is None else _moment(where, "until", entry["until"])
    if until_ms < at_ms:
        raise ConfigError(f"{where} ends before it begins: `until` is earlier than `at`.")
    texts = {key: _text(where, key, entry.get(key)) for key in ("name", "model", "version", "segment")}
    name = texts.pop("name") or f"change {n}"
    return Change(name, at_ms, until_ms, **texts, kinds=_kinds(where, entry.get("kinds", [])))


def _moment(where: str, key: str, value: object) -> int:
    if isinstance(value, datetime):
        value = value.isoformat()
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise ConfigError(f"{where} has no time in `{key}`. Write one such as 2026-01-31T00:00:00Z.")
    try:
        return parse_moment(value)
    except typer.BadParameter as error:
        raise ConfigError(f"{where}: `{key}`: {error.message}") from None


def _text(where: str, key: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ConfigError(f"{where}: `{key}` is not a text. Put it in quotes.")


def _kinds(where: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"{where}: `kinds` is not a list. Write kinds = [{KINDS[0]!r}].")
    for kind in value:
        if kind not in KINDS:
            raise ConfigError(f"{where}: {kind!r} is no kind of drift. There are {', '.join(KINDS)}.")
    return tuple(value)
