"""`streams deliver` as a process, beside a broker and a receiver on loopback."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from streams.runtime.config.job import Config, load
from streams.runtime.topic_plans import own_plans
from tests.support.clusters import Cluster, RealCluster
from tests.support.receiver import LoopbackReceiver
from tests.support.receiver_rows import STEP, write
from tests.support.topic_rows import newest, read_topic

SECRET = "a-key-that-nobody-may-see"  # noqa: S105 -- of this test alone


def now() -> int:
    """The end of the newest step, a little ago."""
    return (int(time.time() * 1000) - 1_000) // STEP * STEP


class Deliverer:
    """`streams deliver` as a process of its own."""

    def __init__(self, config: Path, env: Mapping[str, str], log: Path, *options: str) -> None:
        self.log_file = log
        command = [sys.executable, "-m", "streams.cli.main", "deliver", "-c", str(config), *options]
        with log.open("ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **env})

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


class Bench:
    """A job on a broker, a receiver, and deliverers that are gone after `close`."""

    def __init__(self, folder: Path, broker: Cluster, hook: LoopbackReceiver, name: str = "told") -> None:
        self.folder, self.broker, self.hook = folder, broker, hook
        self._options = () if isinstance(broker, RealCluster) else ("--embedded",)
        self.file = folder / "job.toml"
        self.file.write_text(f"""
name = "{name}"
[kafka]
bootstrap = "{broker.client["bootstrap.servers"]}"
[ledger]
partitions = 2
tallies_partitions = 2
[[predictions]]
topic = "predictions"
[[labels]]
topic = "labels"
[deliver]
resend = "1s"
stall_for = "30d"
[[receivers]]
name = "hook"
kind = "webhook"
url = "{hook.url}"
secret = "$HOOK_KEY"
rate = 6000
""")
        self.config: Config = load(self.file, {})
        self.deliverers: list[Deliverer] = []

    def change(self, before: str, after: str) -> None:
        """Write another line into the configuration, before anything is started."""
        self.file.write_text(self.file.read_text().replace(before, after))

    def make_topics(self) -> None:
        """What a worker does at its first start, as far as a deliverer needs it."""
        plans = {plan.name: plan for plan in own_plans(self.config)}
        for name in (self.config.topic("alerts"), self.config.topic("tellings")):
            self.broker.create_topic(name, plans[name].partitions, dict(plans[name].config))

    def deliver(self, file: Path | None = None) -> Deliverer:
        log = self.folder / f"deliver-{len(self.deliverers)}.log"
        started = Deliverer(file or self.file, {"HOOK_KEY": SECRET}, log, *self._options)
        self.deliverers.append(started)
        return started

    def write(self, *rows: tuple[str, dict[str, object]], partition: int = 0) -> None:
        write(self.broker.client, self.config.topic("alerts"), list(rows), partition)

    def close(self) -> None:
        for deliverer in self.deliverers:
            deliverer.kill()

    def fates(self) -> dict[str, str]:
        """What became of each batch."""
        rows = newest(read_topic(self.broker.client, self.config.topic("tellings")))
        return {key: row["state"] for key, row in rows.items()}
