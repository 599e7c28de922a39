"""Results as files: one JSON for each part, with the machine it was measured on and how much was done."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from benchmarks.part import Result
from benchmarks.sizes import Sizes

COMMITTED = Path(__file__).parent / "results"
"""Where the results are that docs/performance.md is made from."""


def write(folder: Path, part: str, result: Result, machine: dict[str, Any], size: Sizes) -> None:
    """Replace the file of a part."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {"part": part, "machine": machine, "size": asdict(size), "result": result}
    (folder / f"{part}.json").write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2) + b"\n")


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Every part that there is a file of, by name."""
    return {path.stem: orjson.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))}
