"""The columnar reader and the reference say the same of any records; no bytes make a decoder raise."""

import json
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.formats.columns import Records
from streams.formats.decoder import Decoder
from streams.formats.reasons import Kind
from streams.formats.spec import ClassSpec, Limits, MappingSpec, default_mapping
from tests.support.formats import BASE, LABEL_BASE, SHARED, kept_of, lines, rows_of

NOW = 1_700_000_000_000

RICH = MappingSpec(
    Kind.PREDICTION,
    (
        ("id", ("value.meta.id", "value.prediction_id | str", "key")),
        ("time", ("value.event_time | ts", "value.meta.time", "header.time | ts", "kafka.timestamp")),
        ("model", ("value.model | lower", "kafka.topic")),
        ("version", ("value.model_version | str", "value.meta['the version']")),
        ("class", ("value.predicted_class | class", "value.meta.class | lower", "value.score | threshold(0.5)")),
        ("score", ("value.scores", "value.score")),
        ("delivery", ("value.ingest_time", "kafka.timestamp")),
        ("scope", ("value.tenant", "'all'")),
    ),
    segments=(("segment", ("value.segment",)), ("carrier", ("value.attrs.carrier",)), ("part", ("kafka.partition",))),
    classes=ClassSpec(aliases=(("yes", ("1", "true", "Y")), ("no", ("0", "false"))), positive="yes"),
    limits=Limits(max_value_bytes=2000, max_id_bytes=12, max_name_chars=8),
)
LABELS = MappingSpec(
    Kind.LABEL,
    (
        ("id", ("value.prediction_id", "key.id", "key")),
        ("time", ("value.label_time",)),
        ("class", ("value.true_class",)),
        ("source", ("value.source",)),
        ("delivery", ("kafka.timestamp", "value.ingest_time")),
    ),
    ranks=(("human", 5), ("(none)", 1)),
    classes=ClassSpec(aliases=(("1", ("yes", "true")),), expected=("1", "0"), unknown="reject"),
    limits=Limits(max_value_bytes=2000, max_id_bytes=12, max_name_chars=8),
)
PIPED = MappingSpec(
    Kind.PREDICTION,
    (
        ("id", ("key", "value.prediction_id")),
        ("time", ("kafka.timestamp | ts", "value.event_time")),
        ("class", ("value.predicted_class | lower",)),
        ("score", ("value.score | float", "value.scores")),
    ),
    segments=(("segment", ("value.segment | lower", "value.scores")),),
)
KEPT = [
    replace(default_mapping(Kind.PREDICTION), keep_scores=2),
    replace(RICH, keep_scores=3),
    replace(RICH, classes=replace(RICH.classes, expected=("yes", "no"), unknown="reject"), keep_scores=1),
    replace(PIPED, keep_scores=16),
]
SPECS = [default_mapping(Kind.PREDICTION), default_mapping(Kind.LABEL), RICH, LABELS, PIPED, *KEPT]


def shares(counts: list[int]) -> dict[str, float]:
    """A distribution over some classes, with ties and zeros."""
    return {name: n / max(1, sum(counts)) for name, n in zip(["yes", "b", "no", "xx x\x7f"], counts, strict=False)}


times = st.one_of(
    st.integers(-(10**20), 10**20),
    st.integers(1_600_000_000, 1_800_000_000),
    st.integers(1_600_000_000_000, 1_800_000_000_000),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(1.6e9, 1.8e9),
    st.datetimes().map(lambda t: t.isoformat()),
    st.datetimes().map(lambda t: t.isoformat() + "Z"),
    st.datetimes().map(lambda t: t.isoformat(timespec="milliseconds") + "-04:30"),
    st.from_regex(r"20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,9})?"
                  r"(Z|[+-][0-2][0-9]:[0-6][0-9])", fullmatch=True),
)  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=10), st.sampled_from(["", " ", "yes", " Y", "1", "p-1", "true", "x" * 9, "\x7f", "a\nb", "é\x85"]),
)  # fmt: skip
scores = st.one_of(
    scalars, st.floats(-0.1, 1.1), st.dictionaries(st.sampled_from(["yes", "no", "1", " yes ", "Y"]), scalars),
    st.dictionaries(st.sampled_from(["yes", "no", "1"]), st.floats(0, 1)),
    st.dictionaries(st.sampled_from(["yes", "y"]) | st.characters(), st.floats(0, 1)),
    st.lists(st.floats(0, 1), max_size=3),
    st.floats(0, 1).map(lambda p: {"yes": p, "no": 1 - p}), st.floats(0, 1).map(lambda p: [p, 1 - p]),
    st.lists(st.integers(0, 60), min_size=3, max_size=4).map(shares),
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner)
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "prediction_id": scalars, "id": scalars, "event_time": times, "ts": times, "label_time": times, "model": scalars,
    "model_version": scalars, "predicted_class": scalars, "true_class": scalars, "segment": scalars, "score": scores,
    "scores": scores, "source": scalars, "op": scalars, "deleted": scalars, "ingest_time": times | scalars,
    "tenant": scalars, "attrs": anything | st.fixed_dictionaries({"carrier": scalars}),
    "meta": anything | st.fixed_dictionaries({}, optional={"id": scalars, "time": times, "class": scalars}),
}  # fmt: skip


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """A good message with a few fields taken away, changed to odd values or written twice, with odd spelling."""
    fields = dict(draw(st.sampled_from([BASE, LABEL_BASE, BASE | LABEL_BASE])))
    for name in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=3, unique=True)):
        fields[name] = draw(FIELDS[name] | anything)
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=1)):
        del fields[name]
    text = json.dumps(fields, ensure_ascii=draw(st.booleans()))
    if draw(st.integers(0, 9)) == 0:
        name = draw(st.sampled_from(sorted(FIELDS)))
        text = text[:-1] + "," + json.dumps({name: draw(FIELDS[name])})[1:]
    return text.encode("utf-8", "surrogatepass")


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A message with some bytes cut, replaced or put in."""
    data = bytearray(draw(objects()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(
            st.binary(max_size=3) | st.sampled_from([b"1e400", b"\xff", b"[", b"9" * 30])
        )
    return bytes(data)


values = st.one_of(objects(), objects(), mangled(), st.binary(max_size=40), st.none())
keys = st.one_of(st.none(), st.binary(max_size=6), st.text(max_size=13).map(str.encode), st.just(b'{"id":"k-1"}'))
headers = st.none() | st.lists(st.tuples(st.sampled_from(["time", "x"]), st.none() | st.binary(max_size=8)), max_size=2)
stamps = st.sampled_from([-1, 0, NOW - 5, NOW, NOW + 10**9])


@st.composite
def batches(draw: st.DrawFn) -> Records:
    """Up to a dozen records, with or without keys, headers and timestamps."""
    found = draw(st.lists(values, max_size=12))
    n = len(found)
    return Records(
        "logs", 7, range(5, 5 + n), found,
        draw(st.none() | st.lists(keys, min_size=n, max_size=n)),
        draw(st.none() | st.lists(headers, min_size=n, max_size=n)),
        draw(st.none() | st.lists(stamps, min_size=n, max_size=n)),
    )  # fmt: skip


def agree(spec: MappingSpec, decoder: Decoder, batch: Records, now_ms: int | None) -> None:
    reference = Decoder(spec, _reference_only=True).decode(batch, now_ms)
    fast = decoder.decode(batch, now_ms)
    assert rows_of(fast) == rows_of(reference)
    assert (fast.kept is None) == (reference.kept is None) == (spec.keep_scores == 0)
    assert kept_of(fast) == kept_of(reference)
    assert fast.rejected == reference.rejected
    assert len(fast) + len(fast.rejected) == len(batch)
    assert all(len(r.detail) <= 200 and r.detail.isprintable() for r in fast.rejected)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SPECS), batches(), st.sampled_from([None, NOW]))
def test_both_readers_agree_on_any_records(spec: MappingSpec, batch: Records, now_ms: int | None) -> None:
    decoder = Decoder(spec)
    assert decoder.is_columnar
    agree(spec, decoder, batch, now_ms)
    agree(spec, decoder, batch, now_ms)  # once more, with what the plan has learned


@settings(max_examples=100, deadline=None)
@given(st.lists(batches(), min_size=2, max_size=5))
def test_what_a_decoder_has_learned_never_shows(found: list[Records]) -> None:
    for spec in SPECS:
        decoder = Decoder(spec)
        for batch in found:
            agree(spec, decoder, batch, NOW)


MAPPED = st.one_of(
    st.floats(0, 1).map(lambda p: {"yes": p, "no": 1 - p}),
    st.lists(st.integers(0, 3), min_size=2, max_size=4).map(shares),
    st.dictionaries(st.sampled_from(["yes", "no", "1", "b"]), st.floats(-0.1, 1.1) | st.none()),
    st.dictionaries(st.sampled_from(["yes", "no", "Y", '"']), st.floats(0, 1)),
    st.floats(0, 1),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KEPT), st.lists(MAPPED, min_size=1, max_size=12))
def test_both_readers_keep_the_same_scores(spec: MappingSpec, found: list[Any]) -> None:
    values = [orjson.dumps(BASE | {"prediction_id": f"p-{i}", "score": score}) for i, score in enumerate(found)]
    batch = Records("logs", 7, range(len(values)), values)
    decoder = Decoder(spec)
    for _ in range(3):
        agree(spec, decoder, batch, NOW)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_both_readers_agree_on_mangled_real_lines(data: st.DataObject) -> None:
    if not (SHARED / "data").is_dir():
        real = {Kind.PREDICTION: [orjson.dumps(BASE)], Kind.LABEL: [orjson.dumps(LABEL_BASE)]}
    else:
        real = {kind: lines("flights_mini", kind, 50) for kind in Kind}
    kind = data.draw(st.sampled_from(list(Kind)))
    batch = []
    for line in data.draw(st.lists(st.sampled_from(real[kind]), min_size=1, max_size=8)):
        mutated = bytearray(line)
        for _ in range(data.draw(st.integers(0, 2))):
            at = data.draw(st.integers(0, len(mutated) - 1))
            mutated[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        batch.append(bytes(mutated))
    spec = default_mapping(kind)
    agree(spec, Decoder(spec), Records("logs", 7, range(len(batch)), batch), None)
