"""Which mutes cover an alert at a moment, and until when.

A mute keeps an alert from being told, never from being judged. The moment is of event time (`mutes_at`: the step that
is judged) or of the wall clock (the deliverer, with `covers`); nothing here reads a clock. A weekly mute goes by the
clock on the wall of its zone: it begins the first time that it shows `from` on its day and ends the last time that it
shows `to`. Where the clock is put back over one of them it is longer by that hour; a time that is left out when it is
put forward counts as the moment of the change. Leap seconds are ignored, as in all times of the job.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

from streams.alerts.instance import Labels
from streams.alerts.rules.model import HOUR, Mute, Weekly, selects

MOST = 1000
"""Mutes that are added at run time and kept; beyond that those that end first are forgotten."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_FIRST_MS, _LAST_MS = (
    (year - _EPOCH) // _MS for year in (datetime(2, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
)


class MuteChange(msgspec.Struct, frozen=True):
    """A mute that is added while the job runs (one of the same name is replaced), or the name of one to end.

    `at_ms`: the end of the latter, by the mute's own clock.
    """

    at_ms: int
    mute: Mute | None = None
    end: str | None = None


def applied(change: MuteChange, added: tuple[Mute, ...], configured: tuple[Mute, ...] = ()) -> tuple[Mute, ...]:
    """The mutes added at run time after a change, sorted by name.

    One that the rules have is ended, too: by one of the same name that ends. A name that nobody has changes nothing.
    What lies before the end stays muted, so that a backlog that is judged later is.
    """
    by_name = {mute.name: mute for mute in added}
    if change.mute is not None:
        by_name[change.mute.name] = change.mute
    ending = next((mute for mute in in_force(configured, added) if mute.name == change.end), None)
    if ending is not None:
        end_ms = change.at_ms if ending.end_ms is None else min(ending.end_ms, change.at_ms)
        by_name[ending.name] = msgspec.structs.replace(ending, end_ms=end_ms)
    forever = 1 << 62
    longest = sorted(by_name.values(), key=lambda mute: (-(mute.end_ms or forever), mute.name))[:MOST]
    return tuple(sorted(longest, key=lambda mute: mute.name))


def taken_out(before: tuple[Mute, ...], now: tuple[Mute, ...]) -> tuple[Mute, ...]:
    """The mutes that other rules do not have any more, as ones that never hold: whoever reads rows must hear of it."""
    names = {mute.name for mute in now}
    gone = (mute for mute in before if mute.name not in names)
    return tuple(msgspec.structs.replace(mute, start_ms=0, end_ms=0) for mute in gone)


def in_force(configured: tuple[Mute, ...], added: tuple[Mute, ...]) -> tuple[Mute, ...]:
    """All mutes, sorted by name; one that was added replaces that of the rules with its name."""
    by_name = {mute.name: mute for mute in (*configured, *added)}
    return tuple(by_name[name] for name in sorted(by_name))


def covers(mute: Mute, labels: Labels, rule: str, at_ms: int) -> bool:
    """Whether a mute is for an alert of a rule, and `at_ms` lies inside.

    A label that the alert does not have is empty: `*` and `!x` mean it, `x` does not.
    """
    return concerns(mute, labels, rule) and _end_of(mute, at_ms) is not None


def concerns(mute: Mute, labels: Labels, rule: str) -> bool:
    """Whether a mute is for an alert of a rule, at whatever time."""
    known = {**dict(labels), "rule": rule}
    return all(selects(pattern, known.get(name, "")) for name, pattern in mute.match)


def mutes_at(mutes: Iterable[Mute], rule: str, labels: Labels, t: int) -> tuple[str, ...]:
    """Names of the mutes by event time that cover an alert at the step that ends at `t`, sorted.

    What counts is the last moment that the step shows, t - 1 ms: a step that ends where a mute does lies inside.
    """
    return tuple(sorted({m.name for m in mutes if m.clock == "event" and covers(m, labels, rule, t - 1)}))


def excluded(mutes: Iterable[Mute], rule: str, labels: Labels, start_ms: int, end_ms: int) -> bool:
    """Whether [start, end), a step or an hour, does not burn the budget: its middle lies inside such a mute.

    Mutes by the wall clock never take anything out of a budget: it must be the same in a replay.
    """
    middle = (start_ms + end_ms) // 2
    out = (mute for mute in mutes if mute.budget == "exclude" and mute.clock == "event")
    return any(covers(mute, labels, rule, middle) for mute in out)


def ends_soon(
    mutes: Iterable[Mute], rule: str, labels: Labels, at_ms: int, within_ms: int = HOUR
) -> tuple[int, tuple[str, ...]] | None:
    """When an alert that is muted at `at_ms` can be told again, and the names of what covers it now.

    None if it is not muted, or if it is still muted after `within_ms`, be it by another mute. All mutes that are
    given count: choose those of one clock, that of `at_ms`.
    """
    ours = [mute for mute in mutes if concerns(mute, labels, rule)]
    now = tuple(sorted({mute.name for mute in ours if _end_of(mute, at_ms) is not None}))
    until = at_ms
    while until <= at_ms + within_ms:
        ends = [end for end in (_end_of(mute, until) for mute in ours) if end is not None]
        if not ends:
            return (until, now) if now else None
        until = max(ends)
    return None


def _end_of(mute: Mute, at_ms: int) -> int | None:
    """When the stretch of a mute that `at_ms` lies in ends, ms; None outside. Bounds of a weekly mute hold, too."""
    if mute.start_ms is not None and at_ms < mute.start_ms:
        return None
    if mute.end_ms is not None and at_ms >= mute.end_ms:
        return None
    end_ms = mute.end_ms
    if mute.weekly is not None:
        end_ms = _weekly_end(mute.weekly, at_ms)
        if end_ms is not None and mute.end_ms is not None:
            end_ms = min(end_ms, mute.end_ms)
    return end_ms


def _weekly_end(weekly: Weekly, at_ms: int) -> int | None:
    """The end of the stretch that a moment lies in, ms. It may have begun on the day before.

    None for a moment that no calendar has, as of a time that was sent in another unit: it is on no day of the week.
    """
    if not _FIRST_MS <= at_ms <= _LAST_MS:
        return None
    today = (_EPOCH + at_ms * _MS).astimezone(ZoneInfo(weekly.zone)).date()
    for day in (today - timedelta(days=1), today):
        if day.weekday() == weekly.day:
            start_ms, end_ms = _stretch(weekly, day)
            if start_ms <= at_ms < end_ms:
                return end_ms
    return None


@lru_cache(maxsize=1024)
def _stretch(weekly: Weekly, day: date) -> tuple[int, int]:
    """The stretch [start, end) that begins on a local day, ms."""
    zone = ZoneInfo(weekly.zone)
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - what the clock on the wall shows
    over = 1 if weekly.to_minute <= weekly.from_minute else 0
    start = midnight + timedelta(minutes=weekly.from_minute)
    end = midnight + timedelta(days=over, minutes=weekly.to_minute)
    return _shown(start, zone, last=False), _shown(end, zone, last=True)


def _shown(local: datetime, zone: ZoneInfo, *, last: bool) -> int:
    """The first or last moment at which a zone's clock shows a time, ms; the change of the clock if it never does."""
    early, late = sorted(_ms(local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if _reads(early, zone) == local:
        return late if last else early
    shift = (_EPOCH + early * _MS).astimezone(zone).utcoffset()
    while early + 1 < late:  # the clock jumps over it between these two
        middle = (early + late) // 2
        if (_EPOCH + middle * _MS).astimezone(zone).utcoffset() == shift:
            early = middle
        else:
            late = middle
    return late


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MS


def _reads(ms: int, zone: ZoneInfo) -> datetime:
    """What a zone's clock shows."""
    return (_EPOCH + ms * _MS).astimezone(zone).replace(tzinfo=None, fold=0)
