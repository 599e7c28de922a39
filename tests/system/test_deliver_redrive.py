"""Dead letters that are sent again on a real Kafka: two deliverers, one of them killed when it has decided."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.runtime.deliver.dead_letters import ask_again, dead_letters
from tests.support.clusters import RealCluster, new_name
from tests.support.deliver_bench import Bench, now
from tests.support.receiver import LoopbackReceiver
from tests.support.receiver_rows import STEP, ModelRows
from tests.support.workers import wait_for

pytestmark = pytest.mark.system


@pytest.fixture
def bench(cluster: RealCluster, tmp_path: Path) -> Iterator[Bench]:
    with LoopbackReceiver() as hook:
        made = Bench(tmp_path, cluster, hook, new_name("told"))
        try:
            yield made
        finally:
            made.close()


def test_who_takes_over_sends_what_was_asked_for_once_with_the_same_ids(bench: Bench) -> None:
    bench.make_topics()
    bench.hook.answer = lambda _: (400, {})
    models, t = [ModelRows("fraud"), ModelRows("churn")], now() - 2 * STEP
    first = bench.deliver()
    for partition, rows in enumerate(models):
        bench.write(rows.fires("a", t), rows.fires("b", t), rows.pulse(t), partition=partition)
    wait_for(lambda: list(bench.fates().values()) == ["dead"] * 2, "both are dead")
    bench.deliver()
    bench.hook.answer = lambda _: (503, {})
    known = len(bench.hook.got)
    [fraud, _] = models
    bench.write(fraud.resolves("b", t + STEP), fraud.pulse(t + STEP))
    wait_for(lambda: "due" in bench.fates().values(), "an end is on its way")
    letters = dead_letters(bench.config)
    for _ in range(2):
        ask_again(bench.config, letters)
    wait_for(lambda: Counter(bench.fates().values()) == Counter(due=3, withdrawn=1), "it is decided")
    first.kill()
    bench.hook.answer = lambda _: (200, {})
    wait_for(lambda: Counter(bench.fates().values()) == Counter(sent=3, withdrawn=1), "all is sent")
    told = Counter(
        (one["status"], one["labels"]["model"], one["labels"]["class"], one["telling_id"])
        for one in bench.hook.tellings()
    )
    assert sorted(about[:3] for about in told) == [
        ("firing", "churn", "a"), ("firing", "churn", "b"), ("firing", "fraud", "a"), ("resolved", "fraud", "b"),
    ]  # fmt: skip
    assert set(told.values()) == {1}
    tried = {one["telling_id"] for got in bench.hook.got[:known] for one in got.json["firing"]}
    assert {about[3] for about in told if about[0] == "firing"} <= tried
