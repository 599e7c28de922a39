"""What the judge depends on: windows, panes, timings, dimensions, expected classes and bounds. Frozen.

A window `[start, start + size)` begins at `origin + k * step`; the pane of the ledger divides size, step
and origin, so that every window is a whole number of panes and no prediction has to be looked at twice.
"""

import re
from dataclasses import dataclass, field
from math import gcd

from streams.ledger.spec import DAY, HOUR, MINUTE, SECOND, Timing
from streams.quality.settings import Settings

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_LENGTH = re.compile(r"([1-9][0-9]{0,8})([smhd])")

_DECAYED = "decayed-"
_STEPS_A_HALF_LIFE = 6
_HALF_LIVES = 16
"""What is older weighs less than 1/65,536 and is left out."""


def format_length(length_ms: int) -> str:
    """The canonical name of a length of whole seconds: "90s", "15m", "1h", "24h" (never "1d"), "7d".

    >>> format_length(86_400_000), format_length(604_800_000), format_length(90_000)
    ('24h', '7d', '90s')
    """
    if length_ms > DAY and length_ms % DAY == 0:
        return f"{length_ms // DAY}d"
    for unit in ("h", "m"):
        if length_ms % _UNITS[unit] == 0:
            return f"{length_ms // _UNITS[unit]}{unit}"
    return f"{length_ms // SECOND}s"


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """Windows of `size_ms` that begin every `step_ms`, aligned to `origin_ms`; `step == size` is tumbling.

    Raises ValueError when a length is not positive, or a step above the size would leave predictions in no
    window.
    """

    name: str
    size_ms: int
    step_ms: int
    origin_ms: int = 0
    half_life_ms: int = 0  # of decayed windows: a prediction weighs half as much after it; 0: all weigh the same

    def __post_init__(self) -> None:
        if self.size_ms <= 0 or self.step_ms <= 0:
            raise ValueError(f"window {self.name!r}: size and step must be positive")
        if self.step_ms > self.size_ms:
            raise ValueError(
                f"window {self.name!r}: the step is longer than the window, so some predictions would be in "
                "no window; make the step at most the size"
            )

    @property
    def bucket_ms(self) -> int:
        """The length of the buckets that windows are added up from; the window itself when it tumbles."""
        return gcd(self.size_ms, self.step_ms)

    def is_of_details(self, detail_ms: int) -> bool:
        """Whether its buckets are whole details: else it is not known which of them a detail lies in."""
        return not (self.bucket_ms % detail_ms or self.origin_ms % detail_ms)

    def bucket_start(self, time_ms: int) -> int:
        """Where the bucket that holds a time begins, ms."""
        return (time_ms - self.origin_ms) // self.bucket_ms * self.bucket_ms + self.origin_ms

    def last_start(self, time_ms: int) -> int:
        """Where the last window that holds a time begins, ms."""
        return (time_ms - self.origin_ms) // self.step_ms * self.step_ms + self.origin_ms

    def starts(self, time_ms: int) -> range:
        """Where the windows that hold a time begin, ms, in order.

        time                        |
        windows     [-----------)   .
                        [-----------)      starts = both that reach over it
                            [-------.---)
        """
        last = self.last_start(time_ms)
        count = (self.size_ms - (time_ms - last) - 1) // self.step_ms + 1
        return range(last - (count - 1) * self.step_ms, last + 1, self.step_ms)


def parse_window(text: str, origin_ms: int = 0) -> WindowSpec:
    """The windows that "24h" (tumbling), "24h/1h" (of 24 hours, each hour) or "decayed-6h" names; units s, m, h, d.

    Two spellings of one length give one name. Raises ValueError with a sentence when `text` is something
    else.

    >>> parse_window("1d").name, parse_window("86400s/60m").name
    ('24h', '24h/1h')
    """
    if text.strip().startswith(_DECAYED):
        return _parse_decayed(text, origin_ms)
    lengths = []
    parts = text.strip().split("/")
    for part in parts[:3]:
        match = _LENGTH.fullmatch(part.strip())
        if match is None or len(parts) > 2:
            raise ValueError(
                f"{text!r} is not a window: write a length such as 90s, 15m, 24h or 7d, "
                "a length and a step such as 24h/1h, or a half-life such as decayed-6h"
            )
        lengths.append(int(match[1]) * _UNITS[match[2]])
    size, step = lengths[0], lengths[-1]
    name = format_length(size) if size == step else f"{format_length(size)}/{format_length(step)}"
    return WindowSpec(name, size, step, origin_ms)


def _parse_decayed(text: str, origin_ms: int) -> WindowSpec:
    """Windows that are told six times a half-life and reach 16 of them back."""
    match = _LENGTH.fullmatch(text.strip().removeprefix(_DECAYED))
    if match is None or (half_life := int(match[1]) * _UNITS[match[2]]) < MINUTE:
        raise ValueError(f"{text!r} is not a decayed window: write its half-life of at least 1m, such as decayed-6h")
    name = f"{_DECAYED}{format_length(half_life)}"
    return WindowSpec(name, _HALF_LIVES * half_life, half_life // _STEPS_A_HALF_LIFE, origin_ms, half_life)


@dataclass(frozen=True, slots=True)
class QualitySpec:
    """Everything the judge fold depends on. Times in ms.

    `dimensions` names the values of `Group.segments` in their order. `models` overrides the timing of
    single models. `expected_classes` lists the closed class lists of single models, `expected_default` that of all
    others; both may be empty. A dimension with
    more than `max_segment_values` values in a window shows the largest and adds the rest up as "other". A
    support below `min_support` sets `low_support`.

    `detail_ms` is the grain of everything but the confusion table (scores, delays, sources of labels), a multiple of
    the pane. `label_time` and `maturities_ms` (label ages, ascending) say which further views the ledger counts for.
    """

    windows: tuple[WindowSpec, ...]
    pane_ms: int = 5 * MINUTE
    timing: Timing = field(default_factory=Timing)
    models: tuple[tuple[str, Timing], ...] = ()
    dimensions: tuple[str, ...] = ()
    expected_classes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    expected_default: tuple[str, ...] = ()
    max_segment_values: int = 100
    ledger_partitions: int = 8
    min_support: int = 5
    detail_ms: int = HOUR
    label_time: bool = False
    maturities_ms: tuple[int, ...] = ()
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        if not self.windows:
            raise ValueError("no windows: name at least one, such as 24h")
        names = [w.name for w in self.windows]
        if len(set(names)) < len(names):
            raise ValueError(f"a window is named twice: {', '.join(names)}")
        if len(set(self.dimensions)) < len(self.dimensions):
            raise ValueError(f"a dimension is named twice: {', '.join(self.dimensions)}")
        if self.ledger_partitions < 1 or self.max_segment_values < 1 or self.pane_ms < 1:
            raise ValueError("ledger_partitions, max_segment_values and pane_ms must be at least 1")
        if self.detail_ms < 1 or self.detail_ms % self.pane_ms:
            raise ValueError(f"detail_ms of {self.detail_ms} is not a multiple of the pane of {self.pane_ms} ms")
        if any(age < 1 for age in self.maturities_ms) or list(self.maturities_ms) != sorted({*self.maturities_ms}):
            raise ValueError("maturities_ms must be label ages above 0, ascending, each once")
        for w in self.windows:
            for what, length in (("size", w.size_ms), ("step", w.step_ms), ("origin", w.origin_ms)):
                if length % self.pane_ms:
                    raise ValueError(
                        f"window {w.name!r}: the pane of {self.pane_ms} ms does not divide its {what} of "
                        f"{length} ms; choose a pane that divides every size, step and origin"
                    )

    def timing_of(self, model: str) -> Timing:
        """The timing of a model: its own or the default."""
        return dict(self.models).get(model, self.timing)

    def classes_expected(self, model: str) -> int | None:
        """How many classes the model's closed list has; None without one."""
        expected = dict(self.expected_classes).get(model, self.expected_default)
        return len(expected) if expected else None

    def expected_of(self, model: str) -> frozenset[str] | None:
        """The model's closed list of classes; None without one."""
        return frozenset(dict(self.expected_classes).get(model, self.expected_default)) or None

    def last_end(self, pane: int) -> int:
        """Where the last window over a pane ends, ms. Past it by horizon and slack, the pane is done."""
        start = pane * self.pane_ms
        return max(w.last_start(start) + w.size_ms for w in self.windows)

    def first_kept(self, time_ms: int) -> int:
        """Where the first pane begins, ms, whose last window ends after a time."""
        firsts = ((time_ms - w.size_ms - w.origin_ms) // w.step_ms * w.step_ms + w.step_ms for w in self.windows)
        return min(first + w.origin_ms for first, w in zip(firsts, self.windows, strict=True))

    def counts_alike(self, other: "QualitySpec") -> bool:
        """Whether both are of the same counts: of the same ledger, panes, views, lives and dimensions."""
        return _counted_by(self) == _counted_by(other)


def _counted_by(spec: QualitySpec) -> tuple[object, ...]:
    grains = spec.pane_ms, spec.detail_ms, spec.label_time, spec.maturities_ms
    return (spec.ledger_partitions, *grains, spec.dimensions, spec.timing, dict(spec.models))
