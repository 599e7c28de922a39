"""Verdicts of many classes at once: small codes in an array, HOLD being 0."""

import numpy as np
from numpy.typing import NDArray

from streams.alerts.verdict import Verdict

Codes = NDArray[np.int8]

HOLD, BREACH, CLEAR, NODATA = range(4)
VERDICTS = (Verdict.HOLD, Verdict.BREACH, Verdict.CLEAR, Verdict.NODATA)
"""The verdict of each code."""
