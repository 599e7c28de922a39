"""A state as chunks of bytes, and back: msgpack, compressed, cut."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import zstandard

CHUNK_BYTES = 450_000
"""Of one record: below what every broker takes."""

_LEVEL = 1
"""Hashes do not compress and everything else does at any level; the time is what counts."""


def pack(state: Mapping[str, Any]) -> list[bytes]:
    """The chunks of a state, at least one."""
    data = zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(state))
    return [data[begin : begin + CHUNK_BYTES] for begin in range(0, len(data), CHUNK_BYTES)]


def unpack(chunks: Sequence[bytes]) -> dict[str, Any]:
    """The state in all chunks, in order. Raises ValueError when they do not hold one."""
    try:
        data = zstandard.ZstdDecompressor().decompress(b"".join(chunks))
        state = msgspec.msgpack.decode(data, strict=False)
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise ValueError(f"the chunks hold no state: {error}") from error
    if not isinstance(state, dict):
        raise ValueError("the chunks hold something else than a state")  # noqa: TRY004 - the data is wrong, not a type
    return state
