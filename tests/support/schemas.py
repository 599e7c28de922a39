"""The published schemas, by the middle of their names."""

import json
from functools import cache
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parents[2] / "schemas"


@cache
def schema(name: str) -> dict[str, Any]:
    """The schema `quality.<name>.v1`."""
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"quality.{name}.v1.json").read_text(encoding="utf-8"))
    return loaded
