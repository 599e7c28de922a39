"""Columns of scores to confidences in fixed point. Score maps are read as structs of the classes seen so far.

A dictionary for each message costs as much as all its other fields, and one number of it is wanted: that of the key
spelled like the class. Rule: a row whose number is not found this way is odd, and the reference looks again; when many
are (classes that need an alias in their maps), the maps are read as dictionaries from then on.
"""

from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.formats.columns import NO_CONFIDENCE, Kept
from streams.formats.kept_scores import KeptScores, Predicted
from streams.formats.layout import SCORE_TYPE, is_field_name
from streams.formats.name_columns import Bools, Distinct
from streams.formats.scores import Scores
from streams.formats.values import as_text

_MOST_KEYS = 32
_UNKNOWN = 1 / 50  # the share of a batch whose class its map does not spell, from which on maps are dictionaries


class ScoreMaps:
    """The spellings that score maps of one mapping have, as far as it has learned, and the type to read them with.

    `whole`: every number of a map is wanted, so a map with a key that was not learned does not fit.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self.keys: dict[str, str] = {}  # spelling -> name of the struct's field
        self._as_structs = True

    def learn(self, score: Any, cls: Any) -> None:
        """Take in the score and the class of one message as the reference reads them."""
        if type(score) is not dict or not self._as_structs:
            return
        for name in score:
            self.keys.setdefault(name, f"k{len(self.keys)}")
        named = len(self.keys) <= _MOST_KEYS and all(map(is_field_name, score))
        self._as_structs = named and as_text(cls) in score

    @property
    def shape(self) -> tuple[int, bool]:
        """What the type depends on: how many spellings there are, and whether maps are structs."""
        return len(self.keys), self._as_structs

    def column_type(self) -> Any:
        """The JSON type of a score: number, map or null."""
        if not self.keys or not self._as_structs:
            return SCORE_TYPE
        fields = [(name, float | None, None) for name in self.keys.values()]
        rename = {name: key for key, name in self.keys.items()}
        struct = msgspec.defstruct("Scores", fields, gc=False, rename=rename, forbid_unknown_fields=self._whole)
        return struct | float | None

    def numbers(self, maps: list[Any], spelled: Distinct) -> NDArray[np.float64]:
        """The number of each struct's key that is spelled like the row's class; NaN where there is none."""
        getters = [attrgetter(self.keys[text]) if text in self.keys else _nothing for text in spelled.values]
        found = np.array([getters[c](m) for c, m in zip(spelled.codes.tolist(), maps, strict=True)], np.float64)
        if int(np.isnan(found).sum()) > _UNKNOWN * len(found):
            self._as_structs = False
        return found

    def columns(self, maps: list[Any]) -> list[tuple[str, NDArray[np.float64]]]:
        """Each key and its number in every struct; NaN where it is not there."""
        keys = [(key, attrgetter(name)) for key, name in self.keys.items()]
        return [(key, np.array([get(m) for m in maps], np.float64)) for key, get in keys]


def kept_column(column: list[Any], predicted: Predicted, scores: KeptScores, maps: ScoreMaps) -> Kept:
    """The scores that rows keep; rows that are odd may keep anything."""
    kinds = set(map(type, column))
    if kinds <= {float, type(None)}:
        return scores.numbers(np.array(column, np.float64), predicted)
    if len(kinds) > 1:
        kept = scores.none(len(column))
        codes, classes = predicted
        for kind in sorted(kinds - {type(None)}, key=str):
            at = np.array([i for i, score in enumerate(column) if type(score) is kind], np.int64)
            kept.put(at, kept_column([column[i] for i in at.tolist()], (codes[at], classes), scores, maps))
        return kept
    if kinds == {dict}:
        return scores.maps(column, predicted)
    if issubclass(kinds.pop(), msgspec.Struct):
        return scores.columns(maps.columns(column), predicted)
    return scores.none(len(column))


def score_column(
    column: list[Any], spelled: Distinct, names: tuple[NDArray[np.uint16], list[str]], scores: Scores, maps: ScoreMaps
) -> tuple[NDArray[np.uint16], Bools | None]:
    """The confidence of each row and which rows are odd; null is no confidence. `names` are the codes and classes."""
    kinds = set(map(type, column))
    if kinds == {type(None)}:
        return np.full(len(column), NO_CONFIDENCE, np.uint16), None
    if kinds <= {float, type(None)}:
        return scores.number_column(np.array(column, np.float64), *names), None
    if type(None) in kinds or len(kinds) > 1:
        return _mixed(column, spelled, names, scores, maps)
    if kinds == {dict}:
        return _of_dictionaries(column, spelled, names, scores), None
    if issubclass(kinds.pop(), msgspec.Struct):
        numbers = maps.numbers(column, spelled)
        return scores.map_column(numbers), np.isnan(numbers)
    return np.full(len(column), NO_CONFIDENCE, np.uint16), np.ones(len(column), bool)


def _mixed(
    column: list[Any], spelled: Distinct, names: tuple[NDArray[np.uint16], list[str]], scores: Scores, maps: ScoreMaps
) -> tuple[NDArray[np.uint16], Bools]:
    """Each kind of score by itself."""
    confidence = np.full(len(column), NO_CONFIDENCE, np.uint16)
    odd = np.zeros(len(column), bool)
    codes, classes = names
    for kind in set(map(type, column)) - {type(None)}:
        at = np.array([i for i, score in enumerate(column) if type(score) is kind], np.int64)
        part = [column[i] for i in at.tolist()]
        same = Distinct(spelled.codes[at], spelled.values)
        confidence[at], odd_part = score_column(part, same, (codes[at], classes), scores, maps)
        odd[at] = False if odd_part is None else odd_part
    return confidence, odd


def _of_dictionaries(
    column: list[dict[str, float]], spelled: Distinct, names: tuple[NDArray[np.uint16], list[str]], scores: Scores
) -> NDArray[np.uint16]:
    codes, classes = names
    texts = [spelled.values[code] for code in spelled.codes.tolist()]
    found = np.array([m.get(text) for m, text in zip(column, texts, strict=True)], np.float64)
    confidence = scores.map_column(found)
    for row in np.flatnonzero(np.isnan(found)).tolist():
        if type(texts[row]) is str:  # else the row is odd by its class
            confidence[row] = scores.confidence(column[row], texts[row], classes[codes[row]])
    return confidence


def _nothing(_: Any) -> None:
    """The number of a class that no map has spelled so far."""
