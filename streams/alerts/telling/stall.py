"""Does the job stand still? The one question that needs the wall clock: if everything stops, event time does, too.

The episode is the last watermark, so that whoever asks, and however often it is restarted, means the same one.
"""

from streams.alerts.instance import Phase, fingerprint, labels_of
from streams.alerts.rules.model import Severity
from streams.alerts.telling.state import State

STALLED = "QualityPipelineStalled"
"""The name of the alert where others have their rule's."""


def stall_state(
    job: str, watermark: int, now_ms: int, stall_ms: int, told_episode: int | None, runbook: str | None
) -> State:
    """The alert about a job whose newest step settled at `watermark`, ms. It fires while that is too long ago.

    `told_episode` is the one that somebody waits for the end of: a job that is behind and moves is still behind. It is
    no model's, so it has a job's name instead.
    """
    labels = labels_of(job=job)
    behind_ms = now_ms - watermark
    stalled = behind_ms > stall_ms
    episode = watermark if told_episode is None else told_episode
    return State(
        fingerprint(STALLED, labels), STALLED, "stall", "", labels, now_ms, now_ms,
        "firing" if stalled else "resolved", None if stalled else "recovered",
        Phase.FIRING.value if stalled else Phase.INACTIVE.value, Severity.PAGE.value, None,
        episode, episode + stall_ms, 0 if stalled else now_ms,
        summary=f"{job} stands still or is far behind: its newest step settled {behind_ms // 60_000} min ago",
        runbook=runbook,
        evidence={"watermark": watermark, "behind_s": behind_ms // 1000},
    )  # fmt: skip
