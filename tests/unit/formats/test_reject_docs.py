import re
from pathlib import Path

from streams.formats.expressions import PIPES_WITH_ARGUMENT, PLAIN_PIPES
from streams.formats.mapping import FIELDS
from streams.formats.reasons import Reason

DOCS = Path(__file__).parents[3] / "docs"


def test_every_reason_is_in_the_table_and_nothing_else_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \| (.+) \|$", (DOCS / "rejects.md").read_text(), re.MULTILINE)
    assert [row[0] for row in rows] == [str(reason) for reason in Reason]
    assert all(len(cell) > 10 for row in rows for cell in row[1:])


def test_every_field_and_pipe_is_in_the_mapping_page() -> None:
    page = (DOCS / "mapping.md").read_text()
    names = {
        *PLAIN_PIPES,
        *(f"{pipe}(" for pipe in PIPES_WITH_ARGUMENT),
        *(f for fields in FIELDS.values() for f in fields),
    }
    assert [name for name in sorted(names) if f"`{name}" not in page] == []
