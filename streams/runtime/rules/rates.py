"""How many labels are there of each class, and when do they come? As the rows of a replay or of a running job say."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from streams.ledger.spec import HOUR
from streams.quality.spec import parse_window
from streams.runtime.errors import ConfigError
from streams.runtime.replayed import rows_of

_VIEW, _ALL = "prediction_time", "all"


@dataclass(slots=True)
class ModelRates:
    """What was seen of one model.

    `positives_per_h` are labelled predictions of a class in an hour of the version that had most of them;
    `label_delay_s` is the median over windows of their median delay, None where no window knows one.
    """

    versions: tuple[str, ...]
    positives_per_h: Mapping[str, float]
    label_delay_s: float | None = None


@dataclass(frozen=True, slots=True)
class Rates:
    """What was seen in a folder, or under a prefix of topics, by model."""

    folder: str
    models: Mapping[str, ModelRates] = field(default_factory=dict)


def read_rates(folder: Path) -> Rates:
    """The rates in the folder that `streams replay` wrote, from its shortest tumbling windows.

    Raises:
        ConfigError: There are no rows of classes or windows, or they cannot be read.
    """
    classes, windows = (
        (row for _, row in rows_of(folder / f"{noun}.jsonl", schema, schema))
        for noun, schema in (("classes", "quality.class.v1"), ("windows", "quality.window.v1"))
    )
    return rates_of(str(folder), classes, windows)


def rates_of(where: str, class_rows: Iterable[Mapping[str, Any]], window_rows: Iterable[Mapping[str, Any]]) -> Rates:
    """The rates in rows of classes and of windows. Raises ConfigError, naming `where`, when no class has any."""
    classes = _newest(class_rows)
    window = _shortest(row["window"] for row in classes)
    if window is None:
        raise ConfigError(f"{where} has no rows of classes of a tumbling window, so there are no rates to go by.")
    hours = parse_window(window).size_ms / HOUR
    support: dict[tuple[str, str, str], int] = {}
    lengths: dict[tuple[str, str], set[str]] = {}
    for row in classes:
        if row["window"] == window:
            model, version = row["model"], row["model_version"]
            key = (model, version, row["class"])
            support[key] = support.get(key, 0) + row["support"]
            lengths.setdefault((model, version), set()).add(row["window_start"])
    delays = _delays(window_rows, window)
    models = {}
    for name in sorted({model for model, _ in lengths}):
        rates: dict[str, float] = {}
        for (model, version, cls), n in sorted(support.items()):
            if model == name:
                rate = n / (len(lengths[model, version]) * hours)
                rates[cls] = max(rates.get(cls, 0.0), rate)
        versions = tuple(sorted(version for model, version in lengths if model == name))
        models[name] = ModelRates(versions, rates, delays.get(name))
    return Rates(where, models)


def _delays(rows: Iterable[Mapping[str, Any]], window: str) -> dict[str, float]:
    """The median delay of labels by model, s."""
    found: dict[str, list[float]] = {}
    for row in _newest(rows):
        if row["window"] == window and row.get("label_delay_p50_s") is not None:
            found.setdefault(row["model"], []).append(row["label_delay_p50_s"])
    return {model: median(values) for model, values in found.items()}


def _shortest(names: Iterator[str]) -> str | None:
    specs = (parse_window(name) for name in sorted(set(names)))
    tumbling = [spec for spec in specs if spec.size_ms == spec.step_ms and not spec.half_life_ms]
    return min(tumbling, key=lambda spec: spec.size_ms).name if tumbling else None


def _newest(given: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The newest row of each key of all predictions together, by event time."""
    rows: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in given:
        if row["view"] != _VIEW or row["segment"] != _ALL:
            continue
        key = (row["metric_key"], row.get("class", ""))
        if key not in rows or rows[key]["revision"] <= row["revision"]:
            rows[key] = row
    return list(rows.values())
