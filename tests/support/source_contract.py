"""What a source promises, on every broker: the same tests run on the embedded one and on a real Kafka."""

import threading

import pytest

from streams.runtime.errors import StateError, TopicError
from streams.runtime.kafka import watch
from streams.runtime.kafka.client import TopicPartitionKey
from streams.runtime.kafka.stage import Limits
from tests.support.clusters import Cluster, fill, new_name, numbers
from tests.support.workers import Store, Worker, holds_for, wait_for


class SourceContract:
    """Tests over a `cluster` fixture. Each makes topics and groups of its own."""

    def test_reads_every_offset_once_and_in_order_while_workers_come_and_go(self, cluster: Cluster) -> None:
        topic, group, store, partitions, each = new_name("t"), new_name("g"), Store(), 6, 4_000
        cluster.create_topic(topic, partitions)
        over = threading.Event()

        def produce() -> None:
            for begin in range(0, each, 500):
                for partition in range(partitions):
                    fill(cluster, topic, partition, numbers(500, begin))
            over.set()

        producer = threading.Thread(target=produce)
        producer.start()
        first = Worker(cluster, [topic], group, store)
        wait_for(lambda: len(first.source.assigned()) == partitions, "the first worker has all partitions")
        second = Worker(cluster, [topic], group, store)
        wait_for(lambda: len(second.source.assigned()) == 3, "the second worker has its share")
        wait_for(second.count, "the second worker reads")
        third = Worker(cluster, [topic], group, store)
        wait_for(lambda: len(third.source.assigned()) == 2, "the third worker has its share")
        assert first.stop()
        wait_for(lambda: len(second.source.assigned()) + len(third.source.assigned()) == partitions, "taken over")
        wait_for(over.is_set, "everything is produced")
        wait_for(lambda: second.count() + third.count() == partitions * each, "everything is read")
        assert third.stop()
        assert second.stop()
        producer.join()
        for worker in (first, second, third):
            worker.check()
        for partition in range(partitions):
            assert store.rows[topic, partition] == list(range(each))

    def test_a_slow_load_holds_back_its_own_partition_only(self, cluster: Cluster) -> None:
        topic, release = new_name("t"), threading.Event()
        cluster.create_topic(topic, 3)
        for partition in range(3):
            fill(cluster, topic, partition, numbers(100))

        def slow(key: TopicPartitionKey) -> None:
            if key[1] == 0:
                release.wait(30)

        worker = Worker(cluster, [topic], new_name("g"), before_load=slow)
        wait_for(lambda: worker.count() == 200, "the other partitions are read")
        assert worker.source.loading() == [(topic, 0)]
        assert worker.rows((topic, 0)) == []
        release.set()
        wait_for(lambda: worker.rows((topic, 0)) == list(range(100)), "the slow partition is read")
        worker.stop()
        worker.check()

    def test_begins_at_the_position_of_the_stage_and_not_of_the_group(self, cluster: Cluster) -> None:
        topic, group, store = new_name("t"), new_name("g"), Store()
        cluster.create_topic(topic, 1)
        fill(cluster, topic, 0, numbers(100))
        store.save((topic, 0), list(range(40)), 40)
        worker = Worker(cluster, [topic], group, store)
        wait_for(lambda: worker.count() == 100, "the rest is read")
        worker.source.commit({(topic, 0): (7, "")})
        worker.stop()
        assert worker.batches[0][1] == 40
        assert worker.source.stats.restarts == 0  # it was assigned there, not found to be wrong and put right
        fill(cluster, topic, 0, numbers(50, 100))
        again = Worker(cluster, [topic], group, store)
        wait_for(lambda: again.count() == 150, "what came since is read")
        assert again.batches[0][1] == 100
        again.stop()
        again.check()
        assert store.rows[topic, 0] == list(range(150))

    def test_a_log_that_begins_above_the_position_is_declared_and_not_skipped(self, cluster: Cluster) -> None:
        topic, store = new_name("t"), Store()
        cluster.create_topic(topic, 1)
        fill(cluster, topic, 0, numbers(100))
        cluster.delete_records(topic, 0, 50)
        store.save((topic, 0), list(range(10)), 10)
        worker = Worker(cluster, [topic], new_name("g"), store)
        wait_for(lambda: worker.count() == 60, "the rest is read")
        worker.stop()
        worker.check()
        assert worker.lost == [((topic, 0), 10, 50)]
        assert store.rows[topic, 0] == [*range(10), *range(50, 100)]
        assert worker.source.stats.lost_rows == 40

    def test_a_stage_that_cannot_bear_lost_rows_ends_the_worker(self, cluster: Cluster) -> None:
        topic = new_name("t")
        cluster.create_topic(topic, 1)
        fill(cluster, topic, 0, numbers(100))
        cluster.delete_records(topic, 0, 50)
        worker = Worker(cluster, [topic], new_name("g"), skip_lost=False)
        wait_for(lambda: worker.failures, "it fails")
        assert isinstance(worker.failures[0], StateError)
        assert worker.count() == 0
        worker.stop()

    def test_a_log_that_ends_below_the_position_ends_the_worker(self, cluster: Cluster) -> None:
        topic, store = new_name("t"), Store()
        cluster.create_topic(topic, 1)
        fill(cluster, topic, 0, numbers(10))
        store.save((topic, 0), [], 1_000)
        worker = Worker(cluster, [topic], new_name("g"), store, limits=Limits(truncated_s=1.0))
        wait_for(lambda: worker.failures, "it fails")
        assert isinstance(worker.failures[0], StateError)
        assert f"topic {topic} partition 0 ends at 10, but the state is at 1000" in str(worker.failures[0])
        worker.stop()
        assert worker.gone == []  # a failed worker's stage is not told: it must write nothing

    def test_a_stage_that_stalls_bounds_what_is_out_and_stays_a_member(self, cluster: Cluster) -> None:
        topic = new_name("t")
        cluster.create_topic(topic, 2)
        limits = Limits(max_batches=4, poll_rows=100)
        worker = Worker(cluster, [topic], new_name("g"), limits=limits)
        wait_for(lambda: len(worker.source.assigned()) == 2, "it is a member")
        rebalances = worker.source.stats.rebalances
        worker.gate.clear()
        for partition in range(2):
            fill(cluster, topic, partition, numbers(20_000))
        wait_for(lambda: worker.source.stats.paused, "it pauses")
        # One poll may add a batch for each partition when the last place is taken.
        holds_for(lambda: worker.source.in_flight <= 5, "in flight stays bounded", 2.0)
        assert worker.source.stats.rebalances == rebalances
        worker.gate.set()
        wait_for(lambda: worker.count() == 40_000, "everything arrives once the stage goes on")
        worker.stop()
        worker.check()
        for partition in range(2):
            assert worker.store.rows[topic, partition] == list(range(20_000))
        assert worker.most_in_flight <= 5

    def test_a_partition_with_a_backlog_lets_the_others_have_their_turn(self, cluster: Cluster) -> None:
        topic = new_name("t")
        cluster.create_topic(topic, 2)
        fill(cluster, topic, 0, numbers(20_000))
        limits = Limits(max_partition_rows=500, poll_rows=100, max_batches=100)
        worker = Worker(cluster, [topic], new_name("g"), limits=limits)
        worker.gate.clear()
        wait_for(lambda: worker.source.stats.held, "the backlog is held")
        fill(cluster, topic, 1, numbers(10))
        wait_for(lambda: (topic, 1) in worker.source.lag() or worker.source.stats.rows > 600, "the other is read")
        worker.gate.set()
        wait_for(lambda: len(worker.rows((topic, 1))) == 10, "the other has its turn")
        assert len(worker.rows((topic, 0))) < 20_000
        wait_for(lambda: worker.count() == 20_010, "the backlog is read")
        worker.stop()
        worker.check()
        assert worker.store.rows[topic, 0] == list(range(20_000))

    def test_partitions_held_back_wait_and_go_on_where_they_were(self, cluster: Cluster) -> None:
        """Again and again in the middle of a backlog, and while another is already held for its fair share."""
        topic = new_name("t")
        cluster.create_topic(topic, 2)
        for partition in range(2):
            fill(cluster, topic, partition, numbers(20_000))
        first, second = frozenset({(topic, 0)}), frozenset({(topic, 1)})
        worker = Worker(cluster, [topic], new_name("g"), limits=Limits(max_partition_rows=2_000, poll_rows=100))
        for turn in range(1, 7):
            held, other = (first, (topic, 1)) if turn % 2 else (second, (topic, 0))
            worker.source.hold_back(held)
            worker.wait_rows(other, 2_500 * turn)
        worker.source.hold_back(first | second)
        wait_for(lambda: not worker.source.in_flight, "what is out is applied")
        holds_for(lambda: not worker.source.in_flight, "nothing is read", 0.5)
        assert worker.count() < 40_000
        worker.source.hold_back(frozenset())
        wait_for(lambda: worker.count() == 40_000, "everything arrives")
        worker.stop()
        worker.check()
        for partition in range(2):
            assert worker.store.rows[topic, partition] == list(range(20_000))

    def test_waits_for_a_broker_that_is_gone_and_goes_on(self, cluster: Cluster) -> None:
        topic = new_name("t")
        cluster.create_topic(topic, 3)
        for partition in range(3):
            fill(cluster, topic, partition, numbers(100))
        worker = Worker(cluster, [topic], new_name("g"))
        wait_for(lambda: worker.count() == 300, "the first rows are read")
        cluster.down()
        wait_for(lambda: worker.source.down, "the outage is noticed")
        holds_for(lambda: not worker.failures, "it does not fail", 2.0)
        cluster.up()
        for partition in range(3):
            fill(cluster, topic, partition, numbers(100, 100))
        wait_for(lambda: worker.count() == 600, "it goes on")
        wait_for(lambda: not worker.source.down, "the end of the outage is noticed")
        worker.stop()
        worker.check()
        for partition in range(3):
            assert worker.store.rows[topic, partition] == list(range(200))
        assert worker.journal.count("no broker can be reached; waiting") == 1
        assert worker.journal.count("the broker is back") == 1

    def test_says_when_a_partition_is_at_its_end_and_goes_on_saying_it(self, cluster: Cluster) -> None:
        topic = new_name("t")
        cluster.create_topic(topic, 2)
        fill(cluster, topic, 0, numbers(10))
        limits = Limits(end_check_s=0.2)
        worker = Worker(cluster, [topic], new_name("g"), limits=limits, at_end=True)

        def ends(partition: int) -> list[tuple[int, int]]:
            return [(end, ms) for key, _, end, at, ms in list(worker.batches) if at and key == (topic, partition)]

        wait_for(lambda: len(ends(0)) > 3 and len(ends(1)) > 3, "both ends are told again and again")
        assert {end for end, _ in ends(0)} == {10}
        assert {end for end, _ in ends(1)} == {0}
        times = [ms for _, ms in ends(1)]
        assert times[-1] > times[0]
        fill(cluster, topic, 0, numbers(5, 10))
        wait_for(lambda: ends(0)[-1][0] == 15, "the new end is told")
        cluster.down()
        wait_for(lambda: worker.source.down and not worker.source.in_flight, "the outage is noticed")
        told = len(worker.batches)
        holds_for(lambda: len(worker.batches) == told, "without a broker nothing is at its end", 1.5)
        cluster.up()
        wait_for(lambda: len(worker.batches) > told, "and with one it is told again")
        worker.stop()
        worker.check()

    def test_commits_offsets_with_a_note_and_reads_them_back(self, cluster: Cluster) -> None:
        topic, group = new_name("t"), new_name("g")
        cluster.create_topic(topic, 3)
        fill(cluster, topic, 0, numbers(10))
        worker = Worker(cluster, [topic], group)
        wait_for(lambda: len(worker.source.assigned()) == 3, "it is a member")
        worker.source.commit_now({(topic, 0): (4, "first"), (topic, 1): (0, "")}, 20)
        found = worker.source.committed([(topic, 0), (topic, 1), (topic, 2)])
        assert found == {(topic, 0): (4, "first"), (topic, 1): (0, ""), (topic, 2): None}
        worker.source.commit({(topic, 0): (6, "second")})
        worker.stop()  # sends what is still to be committed
        worker.check()
        other = Worker(cluster, [topic], group)
        wait_for(lambda: other.source.committed([(topic, 0)]) == {(topic, 0): (6, "second")}, "it was committed")
        other.stop()

    def test_a_topic_that_is_made_a_little_late_is_read(self, cluster: Cluster) -> None:
        first, late = new_name("t"), new_name("t")
        cluster.create_topic(first, 1)
        worker = Worker(cluster, [first, late], new_name("g"), limits=Limits(end_check_s=0.2))
        wait_for(lambda: worker.source.assigned() == [(first, 0)], "what is there is read")
        cluster.create_topic(late, 2)
        fill(cluster, late, 1, numbers(10))
        wait_for(lambda: worker.rows((late, 1)) == list(range(10)), "the late topic is read")
        worker.stop()
        worker.check()

    def test_a_topic_that_stays_missing_ends_the_worker(
        self, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watch, "OUT_OF_PATIENCE_S", 1.0)
        topic, missing = new_name("t"), new_name("missing")
        cluster.create_topic(topic, 1)
        worker = Worker(cluster, [topic, missing], new_name("g"), limits=Limits(end_check_s=0.2))
        wait_for(lambda: worker.failures, "it fails")
        assert isinstance(worker.failures[0], TopicError)
        assert missing in str(worker.failures[0])
        worker.stop()

    def test_stops_within_seconds_without_a_broker(self, cluster: Cluster) -> None:
        topic = new_name("t")
        cluster.create_topic(topic, 2)
        fill(cluster, topic, 0, numbers(10))
        worker = Worker(cluster, [topic], new_name("g"))
        wait_for(lambda: worker.count() == 10, "it reads")
        cluster.down()
        try:
            wait_for(lambda: worker.source.down, "the outage is noticed")
            stopping = threading.Thread(target=worker.stop, args=(4.0,), daemon=True)
            stopping.start()
            wait_for(lambda: not stopping.is_alive(), "it stops although nobody answers", 20)
            assert worker.store.rows[topic, 0] == list(range(10))
        finally:
            cluster.up()

    def test_a_load_that_ends_after_its_partition_went_is_given_back(self, cluster: Cluster) -> None:
        topic, group, release = new_name("t"), new_name("g"), threading.Event()
        cluster.create_topic(topic, 2)
        store = Store()

        def hold(_key: TopicPartitionKey) -> None:
            release.wait(30)

        first = Worker(cluster, [topic], group, store, before_load=hold)
        wait_for(lambda: len(first.source.loading()) == 2, "both partitions are loading")
        second = Worker(cluster, [topic], group, store)
        wait_for(lambda: len(second.source.assigned()) == 1, "one of them went")
        (moved,) = second.source.assigned()
        release.set()
        wait_for(lambda: first.gone == [(moved, True)], "the stage is told")
        wait_for(lambda: len(first.source.assigned()) == 1, "it reads the one it kept")
        assert moved not in first.memory
        second.stop()
        first.stop()
        first.check()
