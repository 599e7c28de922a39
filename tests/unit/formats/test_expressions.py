import pytest

from streams.formats.expressions import Expression, ExpressionError, Pipe, Root, parse


@pytest.mark.parametrize(
    ("text", "root", "steps", "pipes"),
    [
        ("value", Root.VALUE, (), ()),
        ("value.a.b", Root.VALUE, ("a", "b"), ()),
        ("value['a b'].c", Root.VALUE, ("a b", "c"), ()),
        (r"value['it\'s \\']", Root.VALUE, ("it's \\",), ()),
        ("value.a[0][-1]", Root.VALUE, ("a", 0, -1), ()),
        ("value.outputs[name=predict].data[0]", Root.VALUE, ("outputs", ("name", "predict"), "data", 0), ()),
        ("value.outputs[ name = 'a ]b' ]", Root.VALUE, ("outputs", ("name", "a ]b")), ()),
        ("key", Root.KEY, (), ()),
        ("key.id", Root.KEY, ("id",), ()),
        ("header.x-request-id", Root.HEADER, ("x-request-id",), ()),
        ("header['ce id']", Root.HEADER, ("ce id",), ()),
        ("kafka.timestamp | ts", Root.KAFKA, ("timestamp",), (Pipe("ts"),)),
        ("'some text'", Root.TEXT, ("some text",), ()),
        ("''", Root.TEXT, ("",), ()),
        ("value.s|csv | at(-1)|float", Root.VALUE, ("s",), (Pipe("csv"), Pipe("at", "-1"), Pipe("float"))),
        ("value.t | tz(Europe/Berlin)", Root.VALUE, ("t",), (Pipe("tz", "Europe/Berlin"),)),
        ("  value.p | threshold( 0.5 ) ", Root.VALUE, ("p",), (Pipe("threshold", "0.5"),)),
    ],
)
def test_an_expression_is_read(text: str, root: Root, steps: tuple[object, ...], pipes: tuple[Pipe, ...]) -> None:
    assert parse(text) == Expression(text, root, steps, pipes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "position", "why"),
    [
        ("", 0, "expected value, key, header, kafka"),
        ("val.a", 0, "'val' is no root"),
        ("row.predict", 0, "'row' is no root"),
        ("value..a", 6, "a name must follow"),
        ("value.a.", 8, "a name must follow"),
        ("value.a b", 8, "expected a step or a pipe"),
        ("value['a", 6, "never closed"),
        ("value[a]", 7, "expected = or an index"),
        ("value[1", 7, "expected ]"),
        ("value[]", 6, "expected an index"),
        ("value.a |", 9, "expected the name of a pipe"),
        ("value.a | nope", 10, "no pipe is called 'nope'; there are ts, json"),
        ("value.a | ts(1)", 12, "takes no argument"),
        ("value.a | at", 12, "takes an argument"),
        ("value.a | at(x)", 13, "at() takes an index"),
        ("value.a | at(1", 14, "expected )"),
        ("value.a | threshold(high)", 20, "takes a number"),
        ("value.a | tz()", 13, "name of a time zone"),
        ("value.a | ts | float", 13, "nothing can follow the pipe ts"),
        ("kafka", 5, "kafka needs a name"),
        ("kafka.lag", 5, "kafka has timestamp"),
        ("kafka.topic.a", 11, "kafka has timestamp"),
        ("header", 6, "header needs a name"),
        ("header.a.b", 8, "header takes one name"),
        ("header[0]", 6, "header takes one name"),
    ],
)
def test_a_bad_expression_shows_its_place(text: str, position: int, why: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse(text)
    first, shown, caret = str(raised.value).split("\n")
    assert why in first
    assert raised.value.position == position
    assert shown == f"  {text}"
    assert caret.index("^") == position + 2
