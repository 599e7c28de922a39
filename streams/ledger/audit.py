"""The balance of one ledger partition: every row received is in exactly one of the categories, at every tick.

    predictions  received = counted + duplicate + conflict + late + rejected
                 counted  = labelled + waiting + expired (unlabelled, and its pane can no longer change)
    labels       received = winning + beaten + duplicate + beyond_horizon + waiting + orphan
                            + late + deletion + rejected

What was received and refused is counted when rows arrive, `labelled` and `waiting` by the panes' counts, the states
of labels by the held table: three books that must agree.
"""

from dataclasses import dataclass, fields

from streams.ledger.spec import NO_TIME
from streams.ledger.times import rfc3339

SCHEMA = "quality.audit.v1"


@dataclass(frozen=True, slots=True)
class Audit:
    """The balance of a ledger partition at `position` (the next ledger offset). Counts of rows since the start."""

    ledger_partition: int
    position: int
    watermark_ms: int
    predictions_received: int
    predictions_counted: int
    predictions_duplicate: int
    predictions_conflict: int
    predictions_late: int
    predictions_rejected: int
    predictions_labelled: int
    predictions_waiting: int
    predictions_expired: int
    labels_received: int
    labels_winning: int
    labels_beaten: int
    labels_duplicate: int
    labels_beyond_horizon: int
    labels_waiting: int
    labels_orphan: int
    labels_late: int
    labels_deletion: int
    labels_rejected: int
    skipped: int  # records lost to retention gaps before they could be read

    @property
    def balanced(self) -> bool:
        """Whether all three equations hold."""
        predictions = (
            self.predictions_counted + self.predictions_duplicate + self.predictions_conflict
            + self.predictions_late + self.predictions_rejected
        )  # fmt: skip
        counted = self.predictions_labelled + self.predictions_waiting + self.predictions_expired
        labels = (
            self.labels_winning + self.labels_beaten + self.labels_duplicate + self.labels_beyond_horizon
            + self.labels_waiting + self.labels_orphan + self.labels_late + self.labels_deletion
            + self.labels_rejected
        )  # fmt: skip
        return (
            predictions == self.predictions_received
            and counted == self.predictions_counted
            and labels == self.labels_received
        )

    def row(self) -> tuple[str, dict[str, object]]:
        """(key, row) of the audit topic."""
        row: dict[str, object] = {"schema": SCHEMA}
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name == "watermark_ms":
                row["watermark"] = None if value == NO_TIME else rfc3339(value)
            else:
                row[f.name] = value
        row["balanced"] = self.balanced
        return str(self.ledger_partition), row
