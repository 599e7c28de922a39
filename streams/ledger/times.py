"""Times as people read them: RFC 3339 in UTC with milliseconds."""

import numpy as np


def rfc3339(ms: int) -> str:
    """The text of a time in ms since 1970, such as 2026-10-01T12:34:56.789Z."""
    return f"{np.datetime64(ms, 'ms')}Z"
