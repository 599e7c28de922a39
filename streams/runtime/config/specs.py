"""From tables of the file to the specs of the pure rooms: mappings, ledger, quality.

The rule: every number the folds use comes through here, so nothing in a room reads the configuration itself.
"""

from streams.formats.reasons import Kind
from streams.formats.spec import (
    DEFAULT_LABEL_FIELDS,
    DEFAULT_PREDICTION_FIELDS,
    DEFAULT_SEGMENTS,
    Candidates,
    Limits,
    MappingSpec,
)
from streams.ledger.spec import LedgerSpec, Timing
from streams.quality.spec import QualitySpec, parse_window
from streams.runtime.config.model import Document, LabelMapTable, LabelsTable, PredictionMapTable, PredictionsTable
from streams.runtime.config.settings import settings_of
from streams.runtime.config.values import LABEL_TIME, maturity_ms, usual_detail_ms

_DEFAULT_DELETE_WHEN = MappingSpec(Kind.LABEL, ()).delete_when


def dimensions_of(document: Document) -> tuple[str, ...]:
    """The segment dimensions of all prediction mappings: in the order of the file, each once."""
    if not document.predictions:
        return tuple(DEFAULT_SEGMENTS)
    return tuple(dict.fromkeys(name for table in document.predictions for name, _ in _segments(table)))


def mapping_spec(document: Document, table: PredictionsTable | LabelsTable) -> MappingSpec:
    """How the records of one topic become rows."""
    classes, limits = document.classes.spec(), _limits(document)
    required = tuple(table.required)
    if isinstance(table, LabelsTable):
        return MappingSpec(
            Kind.LABEL,
            _fields(table.map, DEFAULT_LABEL_FIELDS),
            required=required,
            delete_when=_delete_when(table),
            ranks=tuple(sorted(table.ranks.items())),
            classes=classes,
            limits=limits,
        )
    return MappingSpec(
        Kind.PREDICTION,
        _fields(table.map, DEFAULT_PREDICTION_FIELDS),
        _segments(table),
        required,
        classes=classes,
        limits=limits,
        default_model=None if "model" in required else table.default_model,
        default_version=None if "version" in required else table.default_version,
        keep_scores=document.scores.keep,
    )


def ledger_spec(document: Document) -> LedgerSpec:
    """What the intake and join folds depend on; `config_hash` is not set yet."""
    time, limits = document.time, document.limits
    return LedgerSpec(
        partitions=document.ledger.partitions,
        tallies_partitions=document.ledger.tallies_partitions,
        pane_ms=document.windows.pane_ms,
        detail_ms=_detail_ms(document),
        timing=_timing(document),
        models=_model_timings(document),
        max_disorder_ms=time.max_disorder_ms,
        label_disorder_ms=time.label_disorder_ms,
        idle_after_ms=time.idle_after_ms,
        live_within_ms=time.live_within_ms,
        max_classes=limits.max_classes,
        max_groups=limits.max_groups,
        max_models=limits.max_models,
        positive=_binned_class(document),
        label_time=LABEL_TIME in document.windows.views,
        maturities_ms=_maturities_ms(document),
        keep_scores=document.scores.keep,
        samples=document.samples.per_window,
        sample_confident=document.samples.confident,
        sample_near=document.samples.near,
        paired=tuple(sorted(name for name, table in document.models.items() if table.paired)),
        privacy_key=document.privacy_key,
    )


def quality_spec(document: Document, dimensions: tuple[str, ...]) -> QualitySpec:
    """What the judge fold depends on."""
    windows = document.windows
    return QualitySpec(
        windows=tuple(parse_window(text, windows.origin_ms) for text in windows.sizes),
        pane_ms=windows.pane_ms,
        timing=_timing(document),
        models=_model_timings(document),
        dimensions=dimensions,
        expected_classes=tuple(
            (name, tuple(table.expected_classes))
            for name, table in sorted(document.models.items())
            if table.expected_classes
        ),
        expected_default=document.classes.spec().expected,
        max_segment_values=document.segments.max_values,
        ledger_partitions=document.ledger.partitions,
        min_support=windows.min_support,
        detail_ms=_detail_ms(document),
        label_time=LABEL_TIME in windows.views,
        maturities_ms=_maturities_ms(document),
        settings=settings_of(document),
    )


def _fields(
    table: PredictionMapTable | LabelMapTable, defaults: dict[str, Candidates]
) -> tuple[tuple[str, Candidates], ...]:
    """The fields that are read: what the file says, else the usual names; an empty list switches a field off."""
    said: dict[str, list[str] | None] = table.model_dump(by_alias=True)
    fields = {**defaults, **{name: tuple(c) for name, c in said.items() if c is not None}}
    return tuple((name, candidates) for name, candidates in fields.items() if candidates)


def _segments(table: PredictionsTable) -> tuple[tuple[str, Candidates], ...]:
    if table.segments is None:
        return tuple(DEFAULT_SEGMENTS.items())
    return tuple((name, tuple(candidates)) for name, candidates in table.segments.items())


def _delete_when(table: LabelsTable) -> tuple[tuple[str, tuple[str | int | bool, ...]], ...]:
    if table.delete_when is None:
        return _DEFAULT_DELETE_WHEN
    return tuple((expression, tuple(values)) for expression, values in table.delete_when.items())


def _limits(document: Document) -> Limits:
    limits = document.limits
    return Limits(
        max_value_bytes=limits.value_bytes,
        max_id_bytes=limits.id_bytes,
        max_name_chars=limits.name_chars,
        max_skew_ms=document.time.max_skew_ms,
    )


def _detail_ms(document: Document) -> int:
    windows = document.windows
    return usual_detail_ms(windows.pane_ms) if windows.detail_ms is None else windows.detail_ms


def _binned_class(document: Document) -> str | None:
    """The class whose scores the ledger bins: only of two classes, and no other, does a score say that of both."""
    classes = document.classes
    two = len(set(classes.expected)) == 2 and classes.unknown == "reject"
    return classes.positive if two else None


def _maturities_ms(document: Document) -> tuple[int, ...]:
    """The label ages of the views, ascending."""
    return tuple(sorted(age for view in document.windows.views if (age := maturity_ms(view)) is not None))


def _timing(document: Document) -> Timing:
    windows = document.windows
    return Timing(windows.horizon_ms, windows.slack_ms, windows.settle_ms)


def _model_timings(document: Document) -> tuple[tuple[str, Timing], ...]:
    """The models whose timing differs from the default, sorted."""
    default = _timing(document)
    timings = {
        name: Timing(
            default.horizon_ms if table.horizon_ms is None else table.horizon_ms,
            default.slack_ms if table.slack_ms is None else table.slack_ms,
            default.settle_ms if table.settle_ms is None else table.settle_ms,
        )
        for name, table in document.models.items()
    }
    return tuple((name, timing) for name, timing in sorted(timings.items()) if timing != default)
