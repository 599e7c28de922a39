"""The rules of the house that can be executed: who may import whom, how long a file is, what is never written.

The folder listing is the architecture (docs/architecture.md): a room imports only the rooms it may know, and the
pure rooms no clock, disk, network, thread, randomness or environment.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "streams"
MOST_LINES = 300

MAY_KNOW: dict[str, set[str]] = {
    "formats": set(),
    "ledger": {"formats"},
    "quality": {"formats", "ledger"},
    "alerts": {"formats", "ledger", "quality"},
    "report": {"quality"},
    "web": set(),
    "runtime": {"formats", "ledger", "quality", "alerts", "web"},
    "cli": {"formats", "ledger", "quality", "alerts", "web", "runtime", "report"},
}
"""Which rooms each room may import besides itself. Everybody may import the package itself for its version."""

PURE = ("formats", "ledger", "quality", "alerts")

IMPURE_MODULES = {
    "faust", "mode", "confluent_kafka", "aiokafka", "aiohttp", "prometheus_client", "structlog", "logging", "pydantic",
    "typer", "rich", "time", "os", "pathlib", "shutil", "tempfile", "socket", "ssl", "threading", "multiprocessing",
    "concurrent", "asyncio", "random", "secrets", "uuid", "subprocess", "signal", "sys", "http", "urllib", "ctypes",
}  # fmt: skip
"""What a pure room never imports: clocks, disks, networks, threads, randomness, the environment, frameworks."""

IMPURE_CALLS = {"open", "print", "input"}
IMPURE_ATTRIBUTES = {"now", "utcnow", "today"}

VAGUE = {"util", "utils", "helper", "helpers", "common", "manager", "misc", "tools", "stuff"}

NOT_WRITTEN = [
    "/" + "work" + "/",
    "/" + "root" + "/",
    "/" + "home" + "/",
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "repo" + ".maven",
    "repo1" + ".maven",
    "npmjs" + ".org",
    "clau" + "de",
    "anth" + "ropic",
    "chat" + "gpt",
    "cop" + "ilot",
]
"""Paths of one machine, package registries, and tools of the trade: none of them belongs in the repository."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, dotted; `from a import b` counts as `a.b`, since b may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide which room is meant"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden_rooms(source: str, room: str) -> list[str]:
    """The imports of other rooms that a room may not make."""
    found = []
    for name in imports(ast.parse(source)):
        parts = name.split(".")
        if parts[0] == "streams" and len(parts) > 1 and parts[1] in MAY_KNOW:
            allowed = parts[1] == room or parts[1] in MAY_KNOW[room]
            found += [] if allowed else [name]
    return found


def impurities(source: str) -> list[str]:
    """What a pure room may not import, call or ask."""
    tree = ast.parse(source)
    found = [name for name in imports(tree) if name.split(".")[0] in IMPURE_MODULES]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            found.append(f"{node.func.id}()")
        if isinstance(node, ast.Attribute) and node.attr in IMPURE_ATTRIBUTES:
            found.append(f".{node.attr}")
    return found


def test_every_room_is_known() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(MAY_KNOW)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_room_imports_only_rooms_it_may_know(path: Path) -> None:
    room = room_of(path)
    if room:
        assert forbidden_rooms(path.read_text(), room) == []


@pytest.mark.parametrize("path", [path for path in MODULES if room_of(path) in PURE], ids=name_of)
def test_a_pure_room_has_no_clock_disk_network_thread_or_chance(path: Path) -> None:
    assert impurities(path.read_text()) == []


def test_only_the_web_room_and_the_application_know_faust() -> None:
    knows = {name_of(p) for p in MODULES if any(n.split(".")[0] == "faust" for n in imports(ast.parse(p.read_text())))}
    assert {Path(name).parts[1] for name in knows} <= {"web", "runtime"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_opens_with_what_it_answers(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring
    assert docstring.split("\n")[0].endswith((".", "?", ":"))


@pytest.mark.parametrize("path", [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))], ids=name_of)
def test_a_file_holds_one_noun(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    is_test = path.is_relative_to(ROOT / "tests")
    assert lines <= (2 * MOST_LINES if is_test else MOST_LINES)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_file_is_named_after_its_noun(path: Path) -> None:
    assert not VAGUE & set(path.stem.split("_"))
    names = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)}
    words = {word.lower() for name in names for word in re.findall(r"[A-Z][a-z]+", name)}
    assert not VAGUE & words


def tracked() -> list[Path]:
    """Files of the repository as git knows them, text only."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    found = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in found if path.is_file() and b"\0" not in path.read_bytes()[:8192]]


def unwanted(text: str) -> list[str]:
    lowered = text.lower()
    return [pattern for pattern in NOT_WRITTEN if pattern in lowered]


def test_nothing_tracked_names_a_machine_a_registry_or_a_tool_of_the_trade() -> None:
    found = {name_of(path): unwanted(path.read_text(errors="replace")) for path in tracked()}
    assert {name: patterns for name, patterns in found.items() if patterns} == {}


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "docs/architecture.md"])
def test_a_newcomer_finds_what_to_read_first(name: str) -> None:
    assert (ROOT / name).read_text().strip()


def test_the_rules_can_fail() -> None:
    assert forbidden_rooms("from streams.quality.spec import QualitySpec", "ledger") == [
        "streams.quality.spec.QualitySpec"
    ]
    assert forbidden_rooms("from streams import quality", "ledger") == ["streams.quality"]
    assert forbidden_rooms("import streams.formats.spec", "ledger") == []
    assert impurities("import os.path\nfrom time import time\nprint(open('x'))") == [
        "os.path",
        "time.time",
        "print()",
        "open()",
    ]
    assert impurities("from datetime import datetime\ndatetime.now()") == [".now"]
    assert impurities("from datetime import UTC, datetime\nimport numpy as np") == []
    assert unwanted("see " + NOT_WRITTEN[0] + "x") == [NOT_WRITTEN[0]]
