"""The messages of the benchmarks: predictions of about 290 bytes and labels of about 90, the same in every run.

Pair `i` is one prediction and its label. Classes go round so that two thirds of the labels disagree and every cell
of the table of three classes is used; two model versions take turns, and so do four segments and scores of two digits.
"""

import random

import orjson

CLASSES = ("legit", "fraud", "review")
SEGMENTS = ("eu", "us", "asia", "africa")
LABEL_DELAY_MS = 30_000
_PAD = "x" * 120


def ids(count: int) -> list[str]:
    """The ids of that many pairs, 24 hex digits each."""
    rng = random.Random(1)
    return [f"{rng.getrandbits(96):024x}" for _ in range(count)]


def prediction(i: int, name: str, event_ms: int, version: str = "") -> bytes:
    """The prediction of pair `i`, made at `event_ms`."""
    return orjson.dumps({
        "prediction_id": name, "model": "fraud", "model_version": version or f"v{i % 2}",
        "predicted_class": CLASSES[i % 3], "score": (51 + i * 37 % 49) / 100,
        "event_time": event_ms, "segment": SEGMENTS[i // 2 % 4], "pad": _PAD,
    })  # fmt: skip


def label(i: int, name: str, event_ms: int) -> bytes:
    """The label of pair `i`, known half a minute after its prediction was made."""
    return orjson.dumps({
        "prediction_id": name, "label": CLASSES[i // 3 % 3], "event_time": event_ms + LABEL_DELAY_MS,
    })  # fmt: skip
