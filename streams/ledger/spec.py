"""What the folds depend on: partitions, panes, horizons, clocks and limits. Frozen; its hash is in every block."""

from dataclasses import dataclass, field

from streams.formats.columns import Group

NO_TIME = -(1 << 62)
"""Earlier than every time: the clock of a source that never had a record, the watermark before all have."""

GROUP_BITS = 20
"""Bits of a group's number within the key of a slot."""

MAX_KEPT_SCORES = 16

MAX_GROUPS = (1 << GROUP_BITS) - 1

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Timing:
    """How long labels count and windows change.

    Labels count within `horizon_ms` around the event, may be delivered `slack_ms` late, and a window is first
    judged `settle_ms` after its end.
    """

    horizon_ms: int = 30 * DAY
    slack_ms: int = 2 * DAY
    settle_ms: int = 6 * HOUR

    @property
    def final_ms(self) -> int:
        """How long after its end nothing in a window can change any more."""
        return self.horizon_ms + self.slack_ms


@dataclass(frozen=True, slots=True)
class LedgerSpec:
    """Everything the intake and join folds depend on. Times in ms.

    `detail_ms`, a multiple of the pane, is the grain of everything but the confusion table (`cells.py`). `positive`
    names the class whose scores are binned (two classes: the other one's score is what is left). `label_time` counts
    also by the time at which labels were known, `maturities_ms` also what was known at these label ages, ascending.
    `keep_scores` (0 to 16) scores are held of each prediction. `samples` predictions are told for each detail pane,
    group, reason and true class (`samples.py`), 0: none. `paired` names, sorted, the models whose versions are compared
    prediction by prediction (`pairing.py`).
    """

    partitions: int = 8
    tallies_partitions: int = 4
    pane_ms: int = 5 * MINUTE
    detail_ms: int = HOUR
    timing: Timing = field(default_factory=Timing)
    models: tuple[tuple[str, Timing], ...] = ()  # per-model overrides, sorted by model
    max_disorder_ms: int = 15 * MINUTE  # predictions of one source may be this far out of order
    label_disorder_ms: int = 1 * MINUTE  # deliveries of one label source may be this far out of order
    idle_after_ms: int = 5 * MINUTE
    live_within_ms: int = 1 * HOUR
    max_classes: int = 10_000  # distinct classes per ledger partition, at most 65,534
    max_groups: int = (
        200_000  # distinct (model, version, segments) per ledger partition; beyond it segments fold to `other`
    )
    max_models: int = 10_000  # distinct (model, version) per ledger partition
    max_labels_per_id: int = 32  # labels of one id that are held at a time; further ones are refused
    positive: str | None = None
    label_time: bool = False
    maturities_ms: tuple[int, ...] = ()
    keep_scores: int = 0
    samples: int = 0
    sample_confident: float = 0.9
    sample_near: float = 0.02
    paired: tuple[str, ...] = ()
    privacy_key: str = field(default="", repr=False)  # set: ids are hashed with it; only its digest is pinned
    config_hash: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for more groups than a slot can name, a detail that panes do not fill, disordered ages."""
        if self.max_groups + self.max_models > MAX_GROUPS:  # each model can have a group of folded segments
            raise ValueError(f"max_groups + max_models is more than {MAX_GROUPS:,}")
        if self.detail_ms < 1 or self.detail_ms % self.pane_ms:
            raise ValueError(f"detail_ms of {self.detail_ms} is not a multiple of the pane of {self.pane_ms} ms")
        if any(age < 0 for age in self.maturities_ms) or list(self.maturities_ms) != sorted({*self.maturities_ms}):
            raise ValueError("maturities_ms must be label ages of at least 0, ascending, each once")
        if not 0 <= self.keep_scores <= MAX_KEPT_SCORES:
            raise ValueError(f"keep_scores of {self.keep_scores} is not within 0 to {MAX_KEPT_SCORES}")

    def timing_of(self, model: str) -> Timing:
        """The timing of a model: its own or the default."""
        return dict(self.models).get(model, self.timing)

    @property
    def timings(self) -> tuple[Timing, ...]:
        """Every distinct timing in use."""
        return tuple(dict.fromkeys((self.timing, *(t for _, t in self.models))))

    def tallies_partition(self, group: Group) -> int:
        """Which tallies partition judges a group: by its model, so that versions can be compared in one place."""
        return self.judge_of(group.model)

    def judge_of(self, model: str) -> int:
        """Which tallies partition judges a model."""
        digest = 2166136261
        for byte in model.encode():
            digest = (digest ^ byte) * 16777619 & 0xFFFFFFFF
        return digest % self.tallies_partitions
