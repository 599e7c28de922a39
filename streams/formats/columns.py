"""What the decoder takes and gives: records of one source partition in, columns out.

Both are plain columns so that everything after the decoder works on a whole batch at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.formats.reasons import Kind, Rejected

NO_CLASS = 0xFFFF
"""The class code of a deletion (a label that says: there is no truth any more)."""

NO_CONFIDENCE = 0xFFFF
"""The confidence of a prediction that came without a score."""

CONFIDENCE_SCALE = 60_000
"""Confidence is held in fixed point, `round(confidence * CONFIDENCE_SCALE)`, so that sums stay exact integers."""


NO_KEPT = 0xFFFFFFFF
"""The code of a class where a row keeps no further score."""


@dataclass(slots=True)
class Records:
    """Raw records of one source partition in offset order. Columns the mapping does not need may be None."""

    topic: str
    partition: int
    offsets: Sequence[int]
    values: Sequence[bytes | None]
    keys: Sequence[bytes | None] | None = None
    headers: Sequence[Sequence[tuple[str, bytes | None]] | None] | None = None
    timestamps: Sequence[int] | None = None  # record timestamps, ms; negative: the record has none

    def __len__(self) -> int:
        return len(self.offsets)


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """What predictions are counted under besides class and time: model, version, one value per segment dimension."""

    model: str
    version: str
    segments: tuple[str, ...]


@dataclass(slots=True)
class Kept:
    """The scores that n rows keep: `codes` (n, keep) index `names`, highest score first, NO_KEPT: no further one.

    `scores` (n, keep) are in fixed point, 0 where there is none. `squares` (n,) is the sum over all classes of p^2 in
    1/CONFIDENCE_SCALE^2 where the scores are a distribution of which every class with a probability is kept, else 0.
    """

    codes: NDArray[np.uint32]
    scores: NDArray[np.uint16]
    squares: NDArray[np.uint32]
    names: list[str]

    def rows(self, at: NDArray[Any] | slice) -> "Kept":
        """Some of the rows, under the same names."""
        return Kept(self.codes[at], self.scores[at], self.squares[at], self.names)

    def put(self, at: NDArray[np.int64], part: "Kept") -> None:
        """Write the rows of `part` at `at`."""
        place = {name: code for code, name in enumerate(self.names)}
        recoded = [place.setdefault(name, len(place)) for name in part.names]
        self.names = list(place)
        codes = np.array([*recoded, NO_KEPT], np.uint32)
        self.codes[at] = codes[np.minimum(part.codes, len(recoded))]
        self.scores[at], self.squares[at] = part.scores, part.squares


@dataclass(slots=True)
class Decoded:
    """The rows of a batch that could be decoded, as columns of equal length n, and the records that could not.

    `keys[i]` is the join key `scope + id` as bytes (see `Decoder`), `offset` the source offset of each row,
    `time` the event time of a prediction or the label time of a label, `delivered` the time of delivery (all ms).
    `group` and `confidence` are set for predictions, `rank` (label source rank) and `label_source` for labels;
    codes index the dictionaries of this batch. `cls` is `NO_CLASS` for a deletion. `kept` are the scores that
    predictions keep, None where the mapping keeps none.
    """

    kind: Kind
    keys: list[bytes]
    offset: NDArray[np.int64]
    time: NDArray[np.int64]
    delivered: NDArray[np.int64]
    cls: NDArray[np.uint16]
    classes: list[str]
    group: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    groups: list[Group] = field(default_factory=list)
    confidence: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    rank: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    label_source: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    label_sources: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    kept: Kept | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def part(self, begin: int, end: int) -> "Decoded":
        """Rows `[begin, end)` with the dictionaries of the whole batch; the rejected records stay behind."""
        rows = slice(begin, end)
        return Decoded(
            self.kind, self.keys[rows], self.offset[rows], self.time[rows], self.delivered[rows], self.cls[rows],
            self.classes, self.group[rows], self.groups, self.confidence[rows], self.rank[rows],
            self.label_source[rows], self.label_sources, kept=self.kept and self.kept.rows(rows),
        )  # fmt: skip
