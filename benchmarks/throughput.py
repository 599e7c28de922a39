"""The job beside a bare loop and an idiomatic Faust job, all in one run on one broker.

    python -m benchmarks.throughput [--quick]

Rounds of the bare loop and the job in one process, one after the other, so that both see the same machine; then the
job in two processes, and the Faust job over fewer pairs. The share of a round is the job's events/s over the bare
loop's. Machines are noisy: compare shares, not figures of different days.
"""

from statistics import median

from benchmarks import bare_loop, faust_job
from benchmarks.broker import Broker
from benchmarks.job import throughput
from benchmarks.part import Result, alone, tried
from benchmarks.sizes import Sizes


def measure(broker: Broker, size: Sizes) -> Result:
    """Every round, and the medians."""
    rounds = []
    for number in range(size.rounds):
        bare = tried(bare_loop.measure, broker, size)
        one = tried(throughput, broker, size, 1, f"one-{number}")
        rounds.append({"bare": bare, "one": one})
    return {
        **medians(rounds),
        "two": tried(throughput, broker, size, 2, "two"),
        "faust": tried(faust_job.measure, broker, size),
        "rounds": {str(number): found for number, found in enumerate(rounds)},
    }


def medians(rounds: list[Result]) -> Result:
    """The round with the median share, and the shares of all; nothing when no round was whole."""
    whole = [r for r in rounds if all("events_per_s" in found for found in r.values())]
    if not whole:
        return {"error": "no round of the bare loop and the job was whole"}
    shares = [r["one"]["events_per_s"] / r["bare"]["events_per_s"] for r in whole]
    return {
        name: {
            key: median(r[name][key] for r in whole) for key in ("events_per_s", "cpu_us_per_event")
        } | {"peak_mib": max(most(r[name]["peak_mib"]) for r in whole)}
        for name in ("bare", "one")
    } | {"share": round(median(shares), 3), "shares": [round(share, 3) for share in shares]}  # fmt: skip


def most(peaks: int | list[int]) -> int:
    """The largest of the peaks of several processes."""
    return peaks if isinstance(peaks, int) else max(peaks)


if __name__ == "__main__":
    alone(measure, __doc__ or "", filled=True)
