"""Candidates of samples: each is one, however often a ledger partition tells it, and few are drawn of many."""

from streams.formats.columns import Group
from streams.ledger.samples import Sample, SampleReason
from streams.ledger.spec import HOUR
from streams.quality.counts.names import Names
from streams.quality.samples import DRIFTED_CLASS, Candidates, Drifted
from streams.quality.settings import SamplesSpec, Settings
from streams.quality.spec import QualitySpec, parse_window

SPEC = QualitySpec((parse_window("1h"),), dimensions=(), settings=Settings(samples=SamplesSpec(per_window=2)))
PANES = HOUR // SPEC.pane_ms


def sample(second_word: int, reason: SampleReason = SampleReason.CONFIDENT_WRONG, true: str = "a") -> Sample:
    """A candidate of the hour that begins at 10:00."""
    return Sample(10 * PANES, 0, reason, true, "b", 57_000, f"{7:016x}{second_word:016x}", "p/0@t", second_word << 20)


def drawn(*flushes: list[Sample], drifted: tuple[Drifted, ...] = ()) -> list[int]:
    """The offsets that are told of what came in these flushes."""
    names = Names(SPEC)
    group = names.group_number(Group("m", "1", ()))
    candidates = Candidates(SPEC, names)
    for flush in flushes:
        candidates.take(flush, [group])
    return [row.offset for row in candidates.told(0, 0, 10 * HOUR, drifted)]


def test_the_smallest_hashes_are_told() -> None:
    assert drawn([sample(9), sample(3)], [sample(5)]) == [3, 5]


def test_what_two_workers_tell_is_one_candidate() -> None:
    assert drawn([sample(3), sample(5)], [sample(3)], [sample(3), sample(9)]) == [3, 5]


def test_what_is_plainly_wrong_is_told_of_a_class_that_drifted_alone() -> None:
    wrong = [sample(n, SampleReason.WRONG, true) for n, true in ((1, "c"), (2, "a"), (3, "c"))]
    assert drawn(wrong, wrong) == []
    assert drawn(wrong, wrong, drifted=(Drifted(DRIFTED_CLASS, "c"),)) == [1, 3]
