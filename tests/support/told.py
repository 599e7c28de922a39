"""A judge that is told things step by step, for tests with a few predictions."""

from streams.formats.columns import Group
from streams.ledger.flush import encode
from streams.quality.judge import Judge
from streams.quality.rows import OutputRow
from streams.quality.spec import QualitySpec
from tests.support.judged import PANE, History, Prediction


class Told:
    """A judge and its ledger partitions; each `say` is one step, flushed at once."""

    def __init__(self, spec: QualitySpec) -> None:
        self.judge = Judge(spec, 0)
        self.histories = [History(p) for p in range(spec.ledger_partitions)]

    def say(
        self, *predictions: tuple[Prediction, int], minute: float | None = None, partition: int = 0
    ) -> list[OutputRow]:
        history = self.histories[partition]
        watermark = None if minute is None else int(minute * PANE)
        history.step([(p.slot, p.cell, n) for p, n in predictions], watermark)
        return self.flush(len(history.steps) - 1, partition)

    def flush(self, begin: int, partition: int = 0, writer: str = "a") -> list[OutputRow]:
        history = self.histories[partition]
        rows: list[OutputRow] = []
        for chunk in history.flush(begin, len(history.steps), writer):
            rows += self.judge.apply(self.judge.position, encode(chunk))
        return rows


def at(
    minute: float, predicted: str = "a", actual: str | None = None, *, country: str = "ch", model: str = "m"
) -> Prediction:
    return Prediction(int(minute * PANE), Group(model, "1", (country,)), predicted, actual)
