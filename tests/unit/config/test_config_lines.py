import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.config.lines import KeyPath, index_lines

EXAMPLE = '''# a comment with = and [brackets]
name = "q"            # 2
kafka.bootstrap = "b" # 3

[windows]             # 5
sizes = [             # 6
  "1h",               # 7 a comment, with a comma
  "24h", "7d",        # 8
]
text = """            # 10
not = "a key"
[not.a.table]
"""
pane = '5m'           # 14

[[predictions]]       # 16
topic = "a"
[predictions.map]     # 18
id = "value.id"
"class" = { x = 1, "y z" = [ { deep = 2 } ] } # 20
[[predictions]]       # 21
map.id = 'its'
[predictions.segments]
region = "value.r"    # 24
[models."a.b"]        # 25
horizon = "1d"
'''


def paths(value: Any, at: KeyPath = ()) -> list[KeyPath]:
    """Every path that can be followed in a parsed document."""
    found: list[KeyPath] = [at] if at else []
    children: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    for key, child in children:
        found += paths(child, (*at, key))
    return found


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("kafka", "bootstrap"), 3),
        (("windows",), 5),
        (("windows", "sizes"), 6),
        (("windows", "sizes", 0), 7),
        (("windows", "sizes", 2), 8),
        (("windows", "text"), 10),
        (("windows", "pane"), 14),
        (("predictions", 0), 16),
        (("predictions", 0, "map"), 18),
        (("predictions", 0, "map", "class", "y z", 0, "deep"), 20),
        (("predictions", 1), 21),
        (("predictions", 1, "map", "id"), 22),
        (("predictions", 1, "segments", "region"), 24),
        (("models", "a.b", "horizon"), 26),
    ],
)
def test_each_key_has_the_line_it_stands_on(path: KeyPath, line: int) -> None:
    assert index_lines(EXAMPLE).line_of(path) == line


def test_a_missing_key_has_the_line_of_its_table() -> None:
    index = index_lines(EXAMPLE)
    assert index.line_of(("predictions", 1, "map", "nothing")) == 22
    assert index.line_of(("windows", "nothing", 3)) == 5
    assert index.line_of(("nothing",)) == 1


def test_lines_are_the_same_with_carriage_returns() -> None:
    assert index_lines(EXAMPLE.replace("\n", "\r\n")).lines == index_lines(EXAMPLE).lines


def test_every_path_of_the_parsed_document_has_a_line() -> None:
    assert set(paths(tomllib.loads(EXAMPLE))) <= set(index_lines(EXAMPLE).lines)


def test_quotes_at_the_end_of_a_long_string_belong_to_it() -> None:
    text = 'a = """x"""""\nb = \'\'\'y\'\'\'\'\nc = "\\\\"\nd = "\\""\ne = 1\n'
    assert set(tomllib.loads(text)) == {"a", "b", "c", "d", "e"}
    assert dict(index_lines(text).lines) == {("a",): 1, ("b",): 2, ("c",): 3, ("d",): 4, ("e",): 5}


NAMES = st.text(st.sampled_from("ab.-_ \"'#=[]\\\u00e9"), min_size=1, max_size=5)
SCALARS = st.one_of(
    st.integers(-5, 5), st.booleans(), st.text(st.sampled_from("ab\"'#=[]{},\\\n "), max_size=6), st.just(1.5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def written(value: Any) -> str:
    """A value as TOML; arrays over several lines."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return "[\n" + "".join(f"  {written(item)}, # ]\n" for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{quoted(k)} = {written(v)}" for k, v in value.items()) + " }"
    return str(value)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3), max_size=3))
def test_every_path_of_any_document_has_a_line_and_that_line_names_the_key(
    document: dict[str, dict[str, Any]],
) -> None:
    text = ""
    for table, pairs in document.items():
        text += f"[{quoted(table)}] # x\n"
        text += "".join(f"{quoted(key)} = {written(value)}\n" for key, value in pairs.items())
    parsed = tomllib.loads(text)
    assert parsed == document
    index = index_lines(text)
    rows = text.split("\n")
    for path in paths(parsed):
        assert path in index.lines
        if isinstance(path[-1], str):
            assert quoted(path[-1]) in rows[index.line_of(path) - 1]
