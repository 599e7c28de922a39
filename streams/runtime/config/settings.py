"""From the tables that say how quality is judged to the `Settings` of the judge, the same for the same meaning.

The rule: what can be written in several orders is sorted, so that only another meaning is another setting.
"""

from streams.quality.settings import (
    CostSpec,
    GroupsSpec,
    ModelSettings,
    ReferenceKind,
    ReferenceSpec,
    SamplesSpec,
    Settings,
    Training,
)
from streams.runtime.config.model import Document
from streams.runtime.config.settings_tables import CostTable, ModelReferenceTable, ReferenceTable, TrainingTable


def settings_of(document: Document) -> Settings:
    """Everything the judge does besides counting, for all models and for single ones."""
    groups, samples = document.groups, document.samples
    own = {
        name: ModelSettings(_own_reference(table.reference, document.reference), _cost(table.cost))
        for name, table in sorted(document.models.items())
    }
    return Settings(
        reference=_reference(document.reference),
        drift_segments=document.drift.segments,
        cost=_cost(document.cost),
        groups=GroupsSpec(tuple(sorted(groups.protected)), groups.favourable),
        human_sources=tuple(sorted({name for table in document.labels for name in table.human})),
        samples=SamplesSpec(samples.per_window, samples.confident, samples.near),
        models=tuple((name, settings) for name, settings in own.items() if settings != ModelSettings()),
    )


def _reference(table: ReferenceTable) -> ReferenceSpec:
    return ReferenceSpec(ReferenceKind(table.kind), table.windows, table.weeks, _training(table.training))


def _own_reference(table: ModelReferenceTable, of_all: ReferenceTable) -> ReferenceSpec | None:
    """The reference of a model that says something of its own: what it leaves out is as for all."""
    said = {name: value for name in ModelReferenceTable.model_fields if (value := getattr(table, name)) is not None}
    return _reference(of_all.model_copy(update=said)) if said else None


def _training(table: TrainingTable | None) -> Training | None:
    if table is None:
        return None
    return Training(
        table.version,
        tuple(sorted(table.predicted.items())),
        tuple((name, hits, support) for name, (hits, support) in sorted(table.recall.items())),
        tuple(table.scores),
    )


def _cost(table: CostTable | None) -> CostSpec | None:
    if table is None:
        return None
    costs = ((actual, predicted, cost) for actual, row in table.matrix.items() for predicted, cost in row.items())
    return CostSpec(tuple(sorted(costs)), table.wrong)
