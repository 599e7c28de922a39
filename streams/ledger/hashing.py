"""The 128-bit hash of a join key, and which ledger partition it belongs to.

xxh3-128, or keyed BLAKE2b when a privacy key is set, so that ids cannot be found by trying. The first word places a
key in the held tables (and is never 0, which older tables needed), the second picks the ledger partition: two
independent words, or every partition would use one slot in P of its tables.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import xxhash
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
"""Shape (n, 2)."""


def hash_keys(keys: Sequence[bytes], privacy_key: str = "") -> Hashes:
    """The hashes of join keys, shape (n, 2)."""
    if privacy_key:
        secret = blake2b(privacy_key.encode(), digest_size=32).digest()
        data = b"".join([blake2b(key, digest_size=16, key=secret).digest() for key in keys])
    else:
        data = b"".join(map(xxhash.xxh3_128_digest, keys))
    hashes = np.frombuffer(data, "<u8").reshape(-1, 2).copy()
    hashes[:, 0] |= hashes[:, 0] == 0
    return hashes


def partition_of(hashes: Hashes, partitions: int) -> NDArray[np.uint16]:
    """The ledger partition of each hash. Narrow, because NumPy sorts 16 bits by counting."""
    return (hashes[:, 1] % np.uint64(partitions)).astype(np.uint16)
