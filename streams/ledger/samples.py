"""Predictions that are worth a person's look: wrong ones, confident and wrong ones, and close calls.

Nothing is collected on the way. What is worth a look is read off the held table at two moments in event time: when the
watermark crosses `settle_ms` after the end of a detail pane, and once more just before the first of its predictions can
no longer change. So a sample says what counted then, corrections included, and neither the order of arrival nor the
size of blocks and flushes can matter. Of each pane, group, reason and true class those with the smallest second word
of their hash are taken: a fair draw, bounded, the same in every run; of several groups or panes together it is the
smallest of theirs.
"""

from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import CONFIDENCE_SCALE, NO_CONFIDENCE
from streams.ledger.held import Held
from streams.ledger.names import UNSEEN
from streams.ledger.spec import LedgerSpec

Ints = NDArray[np.int64]
Span = tuple[int, int]


class SampleReason(StrEnum):
    """Why a labelled prediction is worth a look. It may be so for several reasons, and is then told for each."""

    CONFIDENT_WRONG = "confident_wrong"  # wrong, and its confidence is `sample_confident` or more
    NEAR_THRESHOLD = "near_threshold"  # its confidence is within `sample_near` of 0.5, right or wrong
    WRONG = "wrong"


class Sample(msgspec.Struct, array_like=True, frozen=True):
    """One labelled prediction. It lies at `position` (see `position.py`) of `source`.

    `pane` is the first pane of its detail pane, `group` a code or index as where it is told, `confidence` in fixed
    point (None: it came without), `hash` the 32 hex digits of its id's hash.
    """

    pane: int
    group: int
    reason: SampleReason
    true: str
    predicted: str
    confidence: int | None
    hash: str
    source: str
    position: int


def samples(held: Held, after_ms: int) -> list[Sample]:
    """What is to be told when the watermark moves from `held.watermark` to `after_ms`, by pane, group and reason."""
    spec = held.names.spec
    at = _settling(held, after_ms)
    p = held.predictions.column
    at = at[p["label_cls"].take(at) < UNSEEN]
    true, confidence = p["label_cls"].take(at), p["confidence"].take(at).astype(np.int64)
    wrong, scored = p["cls"].take(at) != true, confidence != NO_CONFIDENCE
    half = CONFIDENCE_SCALE // 2
    picked = {
        SampleReason.CONFIDENT_WRONG: wrong & scored & (confidence >= _fixed(spec.sample_confident)),
        SampleReason.NEAR_THRESHOLD: scored & (np.abs(confidence - half) <= _fixed(spec.sample_near)),
        SampleReason.WRONG: wrong,
    }
    out: list[Sample] = []
    for reason, mask in picked.items():
        out += _told(held, _smallest(held, at[mask], spec.samples), reason)
    return sorted(out, key=lambda s: (s.pane, s.group, s.reason, s.true, s.hash[16:], s.hash))


def _settling(held: Held, after_ms: int) -> Ints:
    """The predictions of the detail panes whose moment has come. All of them are alive before `after_ms`."""
    names, spec, column = held.names, held.names.spec, held.predictions.column
    time = column["time"][: held.predictions.used]
    waits = list(dict.fromkeys((t.settle_ms, t.final_ms) for t in spec.timings))
    found: list[Ints] = []
    for settle_ms, final_ms in waits:
        spans = _spans(spec, settle_ms, final_ms, (held.watermark, after_ms))
        if not spans:
            continue
        at = np.flatnonzero(np.logical_or.reduce([(time >= low) & (time < high) for low, high in spans]))
        if len(waits) > 1:
            group = column["group"].take(at)
            at = at[(names.settle_ms.take(group) == settle_ms) & (names.final_ms.take(group) == final_ms)]
        found.append(at)
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _spans(spec: LedgerSpec, settle_ms: int, final_ms: int, moved: Span) -> list[Span]:
    """Event times `[low, high)`, whole detail panes, whose moment lies within the move of the watermark."""
    detail = spec.detail_ms
    before, after = moved
    final = -(-(before - final_ms) // detail) * detail, -(-(after - final_ms) // detail) * detail
    spans = [final]
    if detail + settle_ms <= final_ms:  # else some may be gone before they settle
        spans.append(((before - settle_ms) // detail * detail, (after - settle_ms) // detail * detail))
    return [span for span in spans if span[0] < span[1]]


def _smallest(held: Held, at: Ints, most: int) -> Ints:
    """Of each pane, group and true class those of the smallest hashes."""
    p, words = held.predictions.column, held.predictions.keys.take(at, axis=0)
    key = np.stack((p["time"].take(at) // held.names.spec.detail_ms, p["group"].take(at), p["label_cls"].take(at)))
    order = np.lexsort((words[:, 0], words[:, 1], *key))
    key, at = key[:, order], at[order]
    place = np.arange(len(at))
    new = np.ones(len(at), np.bool_)
    new[1:] = (key[:, 1:] != key[:, :-1]).any(axis=0)
    return at[place - np.maximum.accumulate(np.where(new, place, 0)) < most]


def _told(held: Held, at: Ints, reason: SampleReason) -> list[Sample]:
    """The samples of these predictions."""
    names, p = held.names, held.predictions.column
    panes = names.spec.detail_ms // names.spec.pane_ms
    columns = [p[name].take(at).tolist() for name in ("group", "label_cls", "cls", "confidence", "source", "position")]
    pane = (p["time"].take(at) // names.spec.detail_ms * panes).tolist()
    words = held.predictions.keys.take(at, axis=0).tolist()
    return [
        Sample(
            first, group, reason, names.classes[true], names.classes[predicted],
            None if confidence == NO_CONFIDENCE else confidence, f"{a:016x}{b:016x}", held.sources[source], position,
        )
        for first, (a, b), group, true, predicted, confidence, source, position
        in zip(pane, words, *columns, strict=True)
    ]  # fmt: skip


def _fixed(share: float) -> int:
    return round(share * CONFIDENCE_SCALE)
