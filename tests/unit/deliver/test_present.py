"""What a receiver that forgets is told again: what is active, and for a while what is over."""

from streams.alerts.telling.rows import Entry, Fate
from streams.alerts.telling.told import Batch, Kind, Telling, batches_of
from streams.runtime.deliver.present import Present

NOW = 1_767_225_600_000


def telling(name: str, kind: Kind = Kind.FIRING, episode: int = NOW) -> Telling:
    return Telling(name, kind, None, name, "recall", "slo", (("model", "m"),), episode, "page", 0, episode, episode)


def entry(*tellings: Telling, fate: Fate = Fate.SENT, finished_ms: int = NOW) -> Entry:
    [batch] = batches_of("r", tellings, NOW, NOW)
    assert isinstance(batch, Batch)
    return Entry(batch, fate, 1, finished_ms)


def names(present: Present, now_ms: int = NOW) -> tuple[list[str], list[str]]:
    active, over = present.at(now_ms)
    return [one.fingerprint for one in active], [one.fingerprint for one in over]


def test_what_is_active_is_told_until_it_is_over_and_its_end_for_a_while() -> None:
    present = Present(1_000)
    present.take(0, entry(telling("a"), telling("b")))
    assert names(present) == (["a", "b"], [])
    present.take(0, entry(telling("a", Kind.RESOLVED)))
    assert names(present) == (["b"], ["a"])
    assert names(present, NOW + 999) == (["b"], ["a"])
    assert names(present, NOW + 1_000) == (["b"], [])


def test_what_is_not_finished_is_not_the_present() -> None:
    present = Present(1_000)
    present.take(0, entry(telling("a"), fate=Fate.DUE))
    assert names(present) == ([], [])


def test_what_is_withdrawn_is_not_the_present() -> None:
    present = Present(1_000)
    present.take(0, entry(telling("a"), fate=Fate.WITHDRAWN))
    assert names(present) == ([], [])


def test_the_end_of_an_old_episode_contradicts_a_newer_one_that_is_active() -> None:
    present = Present(1_000)
    present.take(0, entry(telling("a", episode=NOW)))
    assert present.contradicts(0, entry(telling("a", Kind.RESOLVED, NOW - 1)).batch)
    assert not present.contradicts(0, entry(telling("b", Kind.RESOLVED)).batch)
    assert not present.contradicts(1, entry(telling("a", Kind.RESOLVED)).batch)


def test_who_was_away_for_too_long_is_told_the_present_all_the_same() -> None:
    present = Present(1_000)
    present.take(0, entry(telling("a"), fate=Fate.DEAD))
    assert names(present) == (["a"], [])


def test_the_end_of_an_older_episode_ends_no_newer_one() -> None:
    present = Present(1_000)
    present.take(0, entry(telling("a", episode=NOW + 5)))
    present.take(0, entry(telling("a", Kind.RESOLVED, episode=NOW)))
    assert names(present)[0] == ["a"]
    present.take(0, entry(telling("a", episode=NOW)))
    assert [one.episode for one in present.at(NOW)[0]] == [NOW + 5]


def test_a_partition_that_goes_away_is_told_by_another_one() -> None:
    present = Present(1_000)
    present.take(0, entry(telling("a")))
    present.take(1, entry(telling("b"), telling("c", Kind.RESOLVED)))
    present.forget(1)
    assert names(present) == (["a"], [])
