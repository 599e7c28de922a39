"""Windows of one judge: which live, which a round touched, and the rows that follow.

    watermark        end          end + settle        end + horizon + slack
    status    open    .    open       |     settled          |  final, then forgotten

Rows are written for windows whose counts or status changed in a round. Work follows what changed: buckets
take the round's deltas, deadlines wait in a heap, and a window that nothing touched is not looked at.
Invariant: after a window's final rows nothing is kept of it, and a bucket goes with the last window over
it.

Windows can be made of the state of others (`adopt`): what the others had forgotten is missing, so that no window of
a line that begins before its first kept pane is ever shown.
"""

from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import Any

from streams.ledger.spec import NO_TIME
from streams.quality.counts.buckets import Bucket, BucketChange, Round, add_up, contents, no_change
from streams.quality.counts.details import UNLABELLED
from streams.quality.counts.names import Names
from streams.quality.counts.shares import Changes
from streams.quality.counts.table import split
from streams.quality.counts.views import View, views
from streams.quality.decayed_rows import decayed_rows
from streams.quality.lives import Key, Life, dump_lives, known_again, load_lives
from streams.quality.maturing.outlook import AGES_MS
from streams.quality.rows import ALL, Moment, OutputRow, Place, RowWriter, Status
from streams.quality.spec import QualitySpec, WindowSpec
from streams.quality.window_rows import Judging, Turn, WindowRows


class Windows:
    """The windows of every model version of a judge, and the watermark of the last round."""

    def __init__(self, spec: QualitySpec, names: Names, judging: Judging) -> None:
        self.watermark = NO_TIME
        self._spec = spec
        self._names = names
        self._judging = judging
        self._ages = [() if window.half_life_ms else AGES_MS for window in spec.windows]
        self._buckets: dict[tuple[int, int], dict[int, Bucket]] = {}  # (line, window spec) -> start -> bucket
        self._lives: dict[Key, Life] = {}
        self._unsaid: list[Key] = []
        self._begins: list[int] = []  # by line: where the first window begins that can be shown, ms
        self._deadlines: list[tuple[int, Key]] = []

    def __len__(self) -> int:
        return len(self._lives)

    @property
    def buckets(self) -> int:
        """How many buckets are kept."""
        return sum(map(len, self._buckets.values()))

    def close_round(self, changes: Changes, moment: Moment, *, quiet: bool = False) -> Iterator[list[OutputRow]]:
        """The rows of every window that the round changed in counts or status, in a fixed order, window by window.

        None of them when `quiet`; what is remembered is the same. The round is closed when all is used up.
        """
        touched = self._apply(changes)
        for key in self._unsaid:
            touched.setdefault(key, [])
            if not self._lives[key].shown_before:
                touched[key] = [contents(self._inside(*key), len(self._spec.dimensions))]
        self._unsaid = []
        for key in self._judging.ahead.settling(self.watermark, moment.watermark):
            if key not in self._lives and self._can_change(key[0], self._spec.windows[key[1]], key[2]):
                self._begin(key, Life(len(self._spec.dimensions)))
        while self._deadlines and self._deadlines[0][0] <= moment.watermark:
            key = heappop(self._deadlines)[1]
            if key in self._lives:
                touched.setdefault(key, [])
        before_ms, self.watermark = self.watermark, moment.watermark
        final: list[Key] = []
        for key in sorted(touched, key=self._order):
            if not self._told_yet(key):
                continue
            yield self._write(key, touched[key], moment, before_ms, quiet=quiet)
            if self._lives[key].status is Status.FINAL:
                final.append(key)
        for key in final:
            self._forget(key)
        self._judging.analyst.forget(moment.watermark)

    def dump(self) -> dict[str, object]:
        """What does not follow from the shares; for `load` and `adopt`."""
        return {"watermark": self.watermark, "begins": list(self._begins), **dump_lives(self._lives)}

    def load(self, state: Mapping[str, Any], told: Changes) -> None:
        """Fill empty windows with what `dump` gave, once the names are there; their tables from what they were told.

        Raises ValueError when that is damaged.
        """
        self.watermark, self._begins = state["watermark"], list(state["begins"])
        lives = load_lives(state, len(self._names.lines), len(self._spec.windows), len(self._spec.dimensions))
        for key, life in lives.items():
            self._begin(key, life)
            # Whatever a round turned was written in it, so between rounds a status is what the watermark says.
            window = self._spec.windows[key[1]]
            status = self._status(key[0], window, key[2] + window.size_ms)
            if status is Status.FINAL:
                raise ValueError("a window that should be forgotten")
            life.status = None if life.unsaid or not self._told_yet(key) else status
        self._unsaid = [key for key, life in lives.items() if life.unsaid]
        self._deadlines = [deadline for deadline in self._deadlines if deadline[0] > self.watermark]
        heapify(self._deadlines)
        self._apply(told)
        if len(self._lives) != len(lives):
            raise ValueError("there are counts of a window that is not there")

    def adopt(self, state: Mapping[str, Any], told: Changes, old: QualitySpec) -> None:
        """Fill empty windows from what windows of an `old` spec dumped, all to be written in the next round.

        Raises ValueError when that is damaged.
        """
        self.watermark = state["watermark"]
        begins = [*state["begins"], *[NO_TIME] * len(self._names.lines)]
        self._begins = [
            max(begin, old.first_kept(self.watermark - line.timing.final_ms))
            for begin, line in zip(begins, self._names.lines, strict=False)
        ]
        lives = load_lives(state, len(self._names.lines), len(old.windows), len(old.dimensions))
        for key, life in known_again(lives, old.windows, self._spec.windows):
            self._begin(key, life)
        self._apply(told)
        for life in self._lives.values():
            life.unsaid = True
        self._unsaid = list(self._lives)

    def _apply(self, changes: Changes) -> dict[Key, list[BucketChange]]:
        touched: dict[Key, list[BucketChange]] = {}
        dimensions = len(self._spec.dimensions)
        made = Round(changes, self._names)
        for w, window in enumerate(self._spec.windows):
            for (line, start), change in made.changes(window, self._spec.pane_ms, self._spec.detail_ms).items():
                if change.nothing:
                    continue
                starts = window.starts(start)
                live = [(line, w, begin) for begin in starts if self._can_change(line, window, begin)]
                if not live:
                    continue  # every window over it is final: the ledger changes nothing that old; or never shown
                buckets = self._buckets.setdefault((line, w), {})
                bucket = buckets.get(start)
                if bucket is None:
                    bucket = buckets[start] = Bucket(dimensions)
                bucket.merge(change)
                for key in live:
                    if key not in self._lives:
                        self._begin(key, Life(dimensions))
                    touched.setdefault(key, []).append(change)
        return touched

    def _begin(self, key: Key, life: Life) -> None:
        self._lives[key] = life
        timing = self._names.lines[key[0]].timing
        end = key[2] + self._spec.windows[key[1]].size_ms
        for wait in (timing.settle_ms, self._final_ms(key[0], self._spec.windows[key[1]])):
            heappush(self._deadlines, (end + wait, key))
        if self._spec.windows[key[1]].half_life_ms:
            heappush(self._deadlines, (end, key))
        for age in self._ages[key[1]]:
            if age < timing.final_ms:
                heappush(self._deadlines, (end + age, key))

    def _can_change(self, line: int, window: WindowSpec, start: int) -> bool:
        """Whether a window is not final, and nothing of it is missing."""
        if line < len(self._begins) and start < self._begins[line]:
            return False
        return start + window.size_ms + self._final_ms(line, window) > self.watermark

    def _order(self, key: Key) -> tuple[str, str, int, int]:
        line = self._names.lines[key[0]]
        return line.model, line.version, key[1], key[2]

    def _final_ms(self, line: int, window: WindowSpec) -> int:
        """How long after its end a window can change; a decayed one until it settles."""
        timing = self._names.lines[line].timing
        return min(timing.settle_ms, timing.final_ms) if window.half_life_ms else timing.final_ms

    def _status(self, line: int, window: WindowSpec, end: int) -> Status:
        if self.watermark >= end + self._final_ms(line, window):
            return Status.FINAL
        return Status.SETTLED if self.watermark >= end + self._names.lines[line].timing.settle_ms else Status.OPEN

    def _write(
        self, key: Key, changes: list[BucketChange], moment: Moment, before_ms: int, *, quiet: bool
    ) -> list[OutputRow]:
        number, w, start = key
        line, window, life = self._names.lines[number], self._spec.windows[w], self._lives[key]
        turn = self._turn(number, w, start + window.size_ms, life, before_ms)
        life.status = turn.status
        spec = self._spec
        if window.half_life_ms:
            life.unsaid, end = False, start + window.size_ms
            place = Place(line.model, line.version, ALL, window.name, None, end)
            writer, buckets = RowWriter(place, turn.status, moment), self._buckets.get((number, w), {})
            decayed = decayed_rows(writer, window, end, buckets, spec, line, life.told.views)
            return [] if quiet else decayed
        change = add_up(changes, len(spec.dimensions)) if changes else no_change(len(spec.dimensions))
        rows: list[OutputRow] = []
        inside = self._inside(number, w, start)
        told = WindowRows(spec, self._names, self._judging, key, life, turn, moment)
        told.judge_before_late(inside)
        for view in views(
            inside,
            change,
            spec.dimensions,
            spec.max_segment_values,
            life.shown,
            whole=turn.told_at_ms is not None or turn.turned,
        ):
            if not (view.delta or turn.turned or (turn.age_ms is not None and view.segment == ALL)):
                continue
            codes = [code for code in view.delta if code >= 0]
            counts = view.counts(codes)
            if 0 in counts and (gone := _emptied(view, codes, counts)):
                life.emptied.setdefault(view.segment, set()).update(gone)
            cells = [*zip(codes, counts, strict=True)]
            if life.unsaid and not quiet:
                cells += _others(view, inside)
            emptied = life.emptied.get(view.segment, set()) if turn.turned else None
            rows += told.segment(view, cells, emptied, quiet=quiet)
        rows += told.of_all_segments(quiet=quiet)
        life.unsaid = False
        return rows

    def _told_yet(self, key: Key) -> bool:
        """Decayed windows are told from their end on: before it they would be told for all of the time to come."""
        window = self._spec.windows[key[1]]
        return not window.half_life_ms or key[2] + window.size_ms <= self.watermark

    def _turn(self, line: int, w: int, end: int, life: Life, before_ms: int) -> Turn:
        """What happens to a window in this round, before its life says so."""
        status = self._status(line, self._spec.windows[w], end)
        border = end + self._names.lines[line].timing.settle_ms
        # What begins behind the border was not there when it was passed, and nobody can say how much of it there was.
        settles = before_ms < border <= self.watermark or (life.unsaid and status is not Status.OPEN)
        reached = [age for age in self._ages[w] if before_ms < end + age <= self.watermark]
        age = reached[-1] if reached else None
        told_at = age
        if status is Status.FINAL:
            told_at = self._final_ms(line, self._spec.windows[w])
        elif life.unsaid and self.watermark >= end:
            told_at = self.watermark - end  # it was not there at the ages before
        elif status is not Status.OPEN and life.status in {None, Status.OPEN}:
            told_at = self._names.lines[line].timing.settle_ms
        return Turn(status, status is not life.status, settles, age, told_at)

    def _inside(self, line: int, w: int, start: int) -> list[Bucket]:
        window, buckets = self._spec.windows[w], self._buckets.get((line, w), {})
        inside = range(start, start + window.size_ms, window.bucket_ms)
        return [bucket for begin in inside if (bucket := buckets.get(begin)) is not None]

    def _forget(self, key: Key) -> None:
        line, w, start = key
        del self._lives[key]
        window, buckets = self._spec.windows[w], self._buckets.get((line, w), {})
        # No window that begins later reaches over what lies before the next start.
        for begin in range(start, start + window.step_ms, window.bucket_ms):
            buckets.pop(begin, None)
        if not buckets:
            self._buckets.pop((line, w), None)


def _emptied(view: View, codes: list[int], counts: list[int]) -> set[int]:
    """The classes of which a change left nothing: they lost their last cell."""
    lost = {c for code, count in zip(codes, counts, strict=True) if not count for c in split(code)}
    return {c for c in lost if c != UNLABELLED and c not in view.margins.of_class and c not in view.margins.support}


def _others(view: View, buckets: list[Bucket]) -> Iterator[tuple[int, int]]:
    """The cells of a view that did not change, with their counts."""
    codes = list({code for bucket in buckets for code in bucket.every.cells if code not in view.delta})
    return ((code, n) for code, n in zip(codes, view.counts(codes), strict=True) if n)
