"""What did `streams replay` write? The rows of one of its files, line by line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from streams.runtime.errors import ConfigError


def rows_of(path: Path, what: str, schema: str | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON objects of a file with the numbers of their lines, from 1.

    `what` the rows are of, for people. With `schema` each row has to say that it is of it. Raises ConfigError for a
    line that is no such row, and when the file cannot be read.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    row = orjson.loads(line)
                except ValueError:
                    row = None
                if not isinstance(row, dict) or (schema is not None and row.get("schema") != schema):
                    raise ConfigError(f"{path}:{number} is not a row of {what}.")
                yield number, row
    except OSError as error:
        advice = "Name the folder that `streams replay --out` wrote."
        raise ConfigError(f"{path} cannot be read: {error.strerror}. {advice}") from None
