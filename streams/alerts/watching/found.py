"""Windows that have settled and wait for their step: where steps are longer than windows, or a history has ended."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from streams.quality.listener import Settled


def dump_found(found: Iterable[Settled]) -> list[object]:
    """Windows as plain values; for `load_found`."""
    return [msgspec.to_builtins(window, builtin_types=(bytes,), enc_hook=_plain) for window in found]


def load_found(state: Sequence[object]) -> list[Settled]:
    """The windows that `dump_found` gave. Raises ValueError when they are damaged."""
    try:
        return [msgspec.convert(window, Settled, dec_hook=_array) for window in state]
    except msgspec.ValidationError as error:
        raise ValueError(f"a damaged window: {error}") from error


def _plain(array: Any) -> object:
    return [list(array.shape), array.tobytes()]


def _array(_: type, plain: Any) -> object:
    shape, data = plain
    return np.frombuffer(data, np.int64).reshape(shape)
