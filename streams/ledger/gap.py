"""A hole in a log: the record at hand begins after what was applied, so something between was lost.

Every fold keeps `applied` per source and takes a record of `[begin, end)` iff `begin <= applied < end`. A
record that begins later can never be made good by going on; the job stops with this sentence.
"""


class GapError(ValueError):
    """The records of a source do not join: `[expected, found)` is missing.

    `source` says which source, in words an operator can look up; `expected` is what was applied, `found`
    where the record begins.
    """

    def __init__(self, source: str, expected: int, found: int) -> None:
        self.source = source
        self.expected = expected
        self.found = found
        super().__init__(
            f"{source}: the record at hand begins at {found}, but only what lies below {expected} was "
            f"applied; [{expected}, {found}) is missing"
        )
