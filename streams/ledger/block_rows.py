"""The rows of a block in the codes of one ledger partition, and those whose names do not fit within its limits."""

import numpy as np

from streams.formats.columns import NO_CLASS
from streams.formats.reasons import Reason
from streams.ledger.blocks import Block
from streams.ledger.known import seconds
from streams.ledger.labels import LabelRows
from streams.ledger.names import REFUSED, Names
from streams.ledger.predictions import PredictionRows
from streams.ledger.scores import Scores, nothing, recoded

Refused = list[tuple[int, Reason]]
"""Rows of a block that do not fit, and why."""


def prediction_rows(block: Block, source: int, names: Names) -> tuple[PredictionRows, Refused]:
    """Predictions; `source` is the code of the block's source. Raises ValueError for scores of another width."""
    classes, groups = names.class_codes(block.classes), names.group_codes(block.groups)
    cls, group = classes.take(block.cls), groups.take(block.group)
    rows = PredictionRows(
        source, block.hashes, block.time, group, cls, block.confidence, block.position, block.time,
        _scores(block, names),
    )  # fmt: skip
    if REFUSED not in classes and REFUSED not in groups:
        return rows, []
    fits = (cls != REFUSED) & (group != REFUSED)
    i = np.flatnonzero(~fits)
    reasons = [Reason.MODEL_LIMIT if code == REFUSED else Reason.CLASS_LIMIT for code in group.take(i).tolist()]
    return rows.some(np.flatnonzero(fits)), list(zip(i.tolist(), reasons, strict=True))


def label_rows(block: Block, source: int, names: Names) -> tuple[LabelRows, Refused]:
    """Labels; `source` is the code of the block's source."""
    codes = np.append(names.class_codes(block.classes), NO_CLASS)
    cls = codes.take(np.where(block.cls == NO_CLASS, len(block.classes), block.cls))
    sources = names.source_codes(block.label_sources)
    rows = LabelRows(
        source, block.hashes, block.time, cls, block.rank.astype(np.int64), block.position, seconds(block.delivered),
        sources.take(block.label_source),
    )  # fmt: skip
    if REFUSED not in codes:
        return rows, []
    fits = cls != REFUSED
    return rows.some(np.flatnonzero(fits)), [(i, Reason.CLASS_LIMIT) for i in np.flatnonzero(~fits).tolist()]


def _scores(block: Block, names: Names) -> Scores | None:
    """The scores that are kept of each row, None where the partition keeps none."""
    keep = names.spec.keep_scores
    if not keep:
        return None
    if block.scores is None:
        return nothing(len(block), keep)
    if block.scores["cls"].shape[1] != keep:
        raise ValueError(f"a block keeps {block.scores['cls'].shape[1]} scores a row, this partition keeps {keep}")
    return recoded(block.scores, names.scored_class_codes(block.score_classes))
