"""What is wrong between keys of different tables? Checked on the parsed file itself, so it is told along with the rest.

The rule: a value of the wrong type is somebody else's problem (`config_model`) and is passed over here.
"""

from collections.abc import Callable, Iterator
from typing import Any

from streams.quality.spec import parse_window
from streams.runtime.config.client import OWNED, problem_of_client, problem_of_property
from streams.runtime.config.durations import format_duration, parse_duration
from streams.runtime.config.known_names import name_problems
from streams.runtime.config.lines import KeyPath, LineIndex
from streams.runtime.config.model import Document
from streams.runtime.config.problems import Code, Problem, dotted
from streams.runtime.config.values import canonical_view, maturity_ms


def cross_problems(
    document: dict[str, Any], lines: LineIndex, secrets: tuple[str, ...], *, whole: bool
) -> list[Problem]:
    """Every problem between tables of a document whose secrets are resolved; `whole`: none of them is missing."""
    client = _client(document, lines, secrets, whole=whole)
    between = [
        *_topics(document, lines),
        *_timings(document, lines),
        *_named_twice(document, lines),
        *name_problems(document, lines),
    ]
    return [*between, *client]


def _tables(document: dict[str, Any], name: str) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    tables = document.get(name)
    if isinstance(tables, list):
        for index, table in enumerate(tables):
            if isinstance(table, dict):
                yield (name, index), table


def _topics(document: dict[str, Any], lines: LineIndex) -> Iterator[Problem]:
    """A topic read twice would be counted twice; one of our own would feed the job its own output."""
    prefix = document.get("prefix", f"{document.get('name', Document().name)}.")
    seen: dict[str, int] = {}
    for name in ("predictions", "labels"):
        for path, table in _tables(document, name):
            topic = table.get("topic")
            if not isinstance(topic, str):
                continue
            line = lines.line_of((*path, "topic"))
            where = dotted((*path, "topic"))
            if topic in seen:
                text = f'the topic "{topic}" is read on line {seen[topic]} already, so it would be counted twice. '
                yield Problem(line, Code.CONFLICT, where, text + "Name every topic once.")
            if isinstance(prefix, str) and prefix and topic.startswith(prefix) and topic.endswith(".v1"):
                text = f'the topic "{topic}" is named like one of the job\'s own, which begin with "{prefix}". '
                yield Problem(line, Code.CONFLICT, where, text + "Choose another prefix.")
            seen.setdefault(topic, line)


def _length_ms(table: dict[str, Any], key: str, default_ms: int) -> int | None:
    value = table.get(key)
    if value is None:
        return default_ms
    try:
        return parse_duration(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _timings(document: dict[str, Any], lines: LineIndex) -> Iterator[Problem]:
    """A window that settles after it is final would be judged after the last change, and never be told as settled."""
    windows = document.get("windows", {})
    models = document.get("models", {})
    if not isinstance(windows, dict) or not isinstance(models, dict):
        return
    usual = Document().windows
    default = {
        "horizon": _length_ms(windows, "horizon", usual.horizon_ms),
        "slack": _length_ms(windows, "slack", usual.slack_ms),
        "settle": _length_ms(windows, "settle", usual.settle_ms),
    }
    tables: list[tuple[KeyPath, dict[str, Any]]] = [(("windows",), windows)]
    # a model that says nothing of its own has the problems of `windows`, told once
    tables += [
        (("models", name), table)
        for name, table in models.items()
        if isinstance(table, dict) and default.keys() & table.keys()
    ]
    for path, table in tables:
        lengths = {key: length and _length_ms(table, key, length) for key, length in default.items()}
        lengths |= {key: _length_ms(table, key, 0) for key in default if key in table}
        horizon_ms, slack_ms, settle_ms = lengths["horizon"], lengths["slack"], lengths["settle"]
        if horizon_ms is None or slack_ms is None:
            continue
        final = format_duration(horizon_ms + slack_ms)
        if path == ("windows",) or {"horizon", "slack"} & table.keys():
            yield from _ages(windows, path, horizon_ms + slack_ms, lines)
        if settle_ms is None or settle_ms <= horizon_ms + slack_ms:
            continue
        text = (
            f"settle {format_duration(settle_ms)} is longer than horizon + slack ({final}), after which a window "
            "cannot change. Choose a settle below it."
        )
        yield Problem(lines.line_of((*path, "settle")), Code.CONFLICT, dotted((*path, "settle")), text)


def _ages(windows: dict[str, Any], path: KeyPath, final_ms: int, lines: LineIndex) -> Iterator[Problem]:
    """A label age at which windows are final already would show the final rows once more."""
    views = windows.get("views")
    for index, view in enumerate(views if isinstance(views, list) else ()):
        try:
            age_ms = maturity_ms(view) if isinstance(view, str) else None
        except ValueError:
            continue
        if age_ms is not None and age_ms >= final_ms:
            at: KeyPath = ("windows", "views", index)
            whose = "windows" if path == ("windows",) else f"windows of {dotted(path)}"
            final = f"horizon + slack {format_duration(final_ms)}"
            text = f'at the age of "{view}" {whose} are final already ({final}). Choose a lower age.'
            yield Problem(lines.line_of(at), Code.CONFLICT, dotted(at), text)


def _named_twice(document: dict[str, Any], lines: LineIndex) -> Iterator[Problem]:
    """The same window or view under two spellings would have its rows twice under one key."""
    windows = document.get("windows", {})
    if not isinstance(windows, dict):
        return
    readers: tuple[tuple[str, str, Callable[[str], str]], ...] = (
        ("sizes", "window", lambda text: parse_window(text, 0).name),
        ("views", "view", canonical_view),
    )
    for key, what, name_of in readers:
        values = windows.get(key)
        seen: set[str] = set()
        for index, value in enumerate(values if isinstance(values, list) else ()):
            try:
                name = name_of(value) if isinstance(value, str) else None
            except ValueError:
                continue
            if name in seen:
                at: KeyPath = ("windows", key, index)
                text = f'the {what} "{name}" is there twice. Name every {what} once.'
                yield Problem(lines.line_of(at), Code.CONFLICT, dotted(at), text)
            if name is not None:
                seen.add(name)


def _client(document: dict[str, Any], lines: LineIndex, secrets: tuple[str, ...], *, whole: bool) -> Iterator[Problem]:
    """Properties that librdkafka does not take, one by one, and together when each is fine."""
    kafka = document.get("kafka", {})
    client = kafka.get("client", {}) if isinstance(kafka, dict) else {}
    if not isinstance(client, dict):
        return
    texts = {
        name: str(value).lower() if isinstance(value, (bool, int, float)) else value
        for name, value in client.items()
        if isinstance(value, (str, bool, int, float))
    }
    clean = whole
    for name, value in texts.items():
        found = problem_of_property(name, value, secrets)
        if found is not None:
            clean = False
            path: KeyPath = ("kafka", "client", name)
            yield Problem(lines.line_of(path), found[0], dotted(path), found[1])
    together = problem_of_client(texts, secrets) if clean and texts and not OWNED.keys() & texts.keys() else None
    if together is not None:
        yield Problem(lines.line_of(("kafka", "client")), together.code, together.key, together.text)
