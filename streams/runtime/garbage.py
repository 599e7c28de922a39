"""How often does Python look for garbage cycles? Rarely: a worker makes none."""

import gc


def look_for_garbage_rarely() -> None:
    """Look for garbage cycles rarely: batches make millions of short-lived objects and none of them is in a cycle.

    Measured with an earlier benchmarks/job.py: 8.9 us CPU an event with the defaults, 5.5 with these.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
