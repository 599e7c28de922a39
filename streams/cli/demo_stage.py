"""What the demo plays on: a broker, the topics of its job, and the worker, each there until the demo ends.

Rule: everything started is put on the caller's exit stack at once, so that it ends however the demo does.
"""

import time
from contextlib import ExitStack
from pathlib import Path

import orjson

from streams.cli.demo_job import DemoJob, config_text, topic_layout
from streams.cli.demo_process import ChildProcess
from streams.runtime.clock import wall_ms
from streams.runtime.config.job import load
from streams.runtime.kafka.topics import Topics

EMBEDDED_NAME = "demo"


class DemoStage:
    """The broker (a child, unless `brokers` names real ones), the job on it, and the worker's process."""

    def __init__(self, stack: ExitStack, folder: Path, brokers: str | None) -> None:
        """Everything is up, or on its way, when it returns. Files are made in `folder`."""
        self._stack, self._folder = stack, folder
        self._children: list[ChildProcess] = []
        is_embedded = brokers is None
        name = EMBEDDED_NAME if is_embedded else f"demo-{_moment()}"
        self.bootstrap = brokers if brokers is not None else self._start_broker(name)
        self.path = folder / "demo.toml"
        self.path.write_text(config_text(name, self.bootstrap, embedded=is_embedded), encoding="utf-8")
        self.job = DemoJob(load(self.path, {}), embedded=is_embedded)
        if not is_embedded:
            Topics(self.job.config.client).ensure(self.job.plans(), create=True)
        arguments = ["run", "-c", str(self.path), *(["--embedded"] if is_embedded else [])]
        self._start("worker", "streams.cli.tether", arguments)

    def check(self) -> None:
        """Raise when one of the processes has ended."""
        for child in self._children:
            child.check()

    def next_steps(self, *, is_kept: bool) -> list[str]:
        """What to type next, one line each."""
        prefix = self.job.config.prefix
        if self.job.embedded and not is_kept:
            return [
                "Next:",
                "  streams demo --keep                    it stays up, to look around: streams alerts ...",
                "  streams demo --brokers localhost:9092  the same on a Kafka of yours",
                "  streams check deploy/streams.toml      a configuration for your topics",
            ]
        where = f"--brokers {self.bootstrap} --prefix {prefix}"
        lines = [
            f"The topics {prefix}* are on {self.bootstrap}. Next, in another terminal:",
            f"  streams tail windows {where} --segment all",
            f"  streams alerts {where}",
            f"  streams tail rejects {where} --from-start",
        ]
        if is_kept:
            lines.append(f"  streams status -c {self.path}")
        if not self.job.embedded:
            pattern = prefix.replace(".", r"\.") + ".*"
            lines += [
                "They stay there. This deletes them:",
                f"  kafka-topics.sh --bootstrap-server {self.bootstrap} --delete --topic '{pattern}'",
            ]
        return lines

    def _start_broker(self, name: str) -> str:
        topics = ",".join(f"{topic}:{partitions}" for topic, partitions in topic_layout(name))
        broker = self._start("broker", "streams.runtime.kafka.embedded", ["--topics", topics], read_output=True)
        return str(orjson.loads(broker.first_line())["bootstrap"])

    def _start(self, name: str, module: str, arguments: list[str], *, read_output: bool = False) -> ChildProcess:
        child = ChildProcess(name, module, arguments, self._folder / f"{name}.log", read_output=read_output)
        self._stack.callback(child.stop)
        self._children.append(child)
        return child


def _moment() -> str:
    """Now, as a part of a name."""
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(wall_ms() / 1000))
