"""How does a number, a time or a name read? For people: short, the same everywhere, and safe whatever a name holds.

A name comes from somebody's log. It is shown as text: control characters, which no document may hold, and the marks
that turn the direction of what stands around them become a visible sign, and long names lose their middle.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

NOT_DEFINED = "not defined"
"""What stands in a table where a number cannot be said."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SIGN = "\N{REPLACEMENT CHARACTER}"
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ISOLATE, _END_OF_ISOLATE = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # words of some languages need them
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def clean(name: str) -> str:
    r"""A name that any document can hold: what cannot be seen becomes a visible sign.

    >>> clean("a\x00b")
    'a\ufffdb'
    """
    if name.isascii() and name.isprintable():
        return name
    return "".join(_SIGN if unicodedata.category(c) in _INVISIBLE and c not in _JOINERS else c for c in name)


def short(name: str, most: int) -> str:
    """A clean name of at most `most` characters; a longer one loses its middle, since ends tell names apart.

    A name that is written from right to left is isolated, so that it does not turn what stands beside it.

    >>> short("abcdefghij", 5)
    'ab…ij'
    """
    name = clean(name)
    if len(name) > most:
        tail = (most - 1) // 2
        name = f"{name[: most - 1 - tail]}…{name[len(name) - tail :]}"
    if not name.isascii() and any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in name):
        return f"{_ISOLATE}{name}{_END_OF_ISOLATE}"
    return name


def distinct(names: Sequence[str], most: int) -> list[str]:
    """Short names that can still be told apart: what those that look alike share is left out, else they are numbered.

    >>> distinct(["class number 1 of many", "class number 2 of many", "x"], 9)
    ['…1…', '…2…', 'x']
    """
    shown = [short(name, most) for name in names]
    alike = Counter(shown)
    same = {text: [name for name, other in zip(names, shown, strict=True) if other == text] for text in alike}
    result: list[str] = []
    for name, text in zip(names, shown, strict=True):
        if alike[text] > 1:
            head = _shared(same[text])
            tail = _shared([other[head:][::-1] for other in same[text]])
            text = short(f"…{name[head : len(name) - tail]}{'…' if tail else ''}", most)  # noqa: PLW2901 -- the same
        result.append(text)
    twice = Counter(result)
    return [text if twice[text] == 1 else f"{text} {number}" for number, text in enumerate(result, 1)]


def _shared(names: Sequence[str]) -> int:
    """How many characters all names begin with."""
    least, greatest = min(names), max(names)
    return next((at for at, letter in enumerate(least) if letter != greatest[at : at + 1]), len(least))


def percent(ratio: float | None, digits: int = 1) -> str:
    """A ratio in percent, `not defined` for None.

    >>> percent(0.42149)
    '42.1 %'
    """
    return NOT_DEFINED if ratio is None else f"{100 * ratio:.{digits}f} %"


def interval(lower: float | None, upper: float | None) -> str:
    """A 95 % interval in percent.

    >>> interval(0.3, 0.456)
    '30.0 to 45.6 %'
    """
    return NOT_DEFINED if lower is None or upper is None else f"{100 * lower:.1f} to {100 * upper:.1f} %"


def count(number: int | None) -> str:
    """A count with its thousands apart."""
    return NOT_DEFINED if number is None else f"{number:,}"


def figures(number: float | None) -> str:
    """A statistic with three significant digits.

    >>> figures(0.000012345)
    '1.23e-05'
    """
    return NOT_DEFINED if number is None else f"{number:.3g}"


def moment(ms: int) -> str:
    """A time in UTC (ms since 1970), without the zeros that say nothing.

    >>> moment(0), moment(5_400_000)
    ('1970-01-01', '1970-01-01 01:30')
    """
    time = _EPOCH + timedelta(milliseconds=ms)
    if ms % 86_400_000 == 0:
        return f"{time:%Y-%m-%d}"
    return f"{time:%Y-%m-%d %H:%M}" if ms % 60_000 == 0 else f"{time:%Y-%m-%d %H:%M:%S}"


def period(start_ms: int, end_ms: int) -> str:
    """A half-open range of time in UTC; the day is said once where it is the same.

    >>> period(0, 3_600_000)
    '1970-01-01 00:00 to 01:00'
    """
    start, end = _EPOCH + timedelta(milliseconds=start_ms), _EPOCH + timedelta(milliseconds=end_ms)
    if start_ms % 86_400_000 == 0 and end_ms % 86_400_000 == 0:
        return f"{moment(start_ms)} to {moment(end_ms)}"
    if start.date() == end.date():
        return f"{start:%Y-%m-%d %H:%M} to {end:%H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}"


def age(seconds: float) -> str:
    """A length of time in its largest unit.

    >>> age(90), age(86_400), age(30)
    ('1.5 min', '1 d', '30 s')
    """
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1, "s"))
    return f"{seconds / size:.3g} {unit}"


def listed(names: list[str], most: int = 4) -> str:
    """Names in a sentence; beyond `most` the rest is counted.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    shown = [short(name, 40) for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else "none"
