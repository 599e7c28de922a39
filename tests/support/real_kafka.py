"""A real Apache Kafka as a child process: one KRaft node on loopback, ready in seconds, no Docker.

With `acl=True` there is a second listener with SASL PLAIN and a StandardAuthorizer: user `admin` may everything, user
`guest` only what was granted; the first listener stays open and all-powerful, for the test's own doings.

`python -m tests.support.real_kafka --port 9092` runs one by hand until Ctrl-C.
"""

import argparse
import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.support.kafka_jars import fetch_jars

READY_S = 60.0
STOP_S = 20.0
PORTS = (15_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that are free now, below those that systems give to outgoing connections.

    So nobody takes the port of a broker that is down for a while, and runs of tests side by side hardly ever meet.
    """
    chance = random.SystemRandom()
    sockets: list[socket.socket] = []
    while len(sockets) < count:
        opened = socket.socket()
        try:
            opened.bind(("127.0.0.1", chance.randrange(*PORTS)))
            sockets.append(opened)
        except OSError:
            opened.close()
    ports = [int(opened.getsockname()[1]) for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def new_cluster_id() -> str:
    """An id that no other cluster has."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


class RealKafka:
    """One broker with a data folder of its own. A context manager; `kill` and `restart` keep the data."""

    def __init__(
        self,
        port: int = 0,
        *,
        acl: bool = False,
        folder: Path | None = None,
        controller_port: int = 0,
        cluster_id: str | None = None,
        settings: Mapping[str, object] | None = None,
        quick: bool = False,
    ) -> None:
        """`settings` go over the broker's own; with `controller_port` and `cluster_id` it is one node of several.

        A `quick` one spares the optimising compiler: a third less CPU for a start, and not for measurements.
        """
        self.acl = acl
        self._extra, self._cluster_id = settings or {}, cluster_id or new_cluster_id()
        self._compiler = 1 if quick else 4
        self._own_folder = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="streams-kafka-"))
        free = free_ports(3)
        self.port, self._controller_port, self._sasl_port = port or free[0], controller_port or free[1], free[2]
        self.log_file = self.folder / "kafka.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._classpath = f"{fetch_jars()}/*"
        self._format()

    @property
    def bootstrap(self) -> str:
        """The address of the open listener."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the broker that runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def client(self) -> dict[str, Any]:
        """The librdkafka properties that reach this broker."""
        return {"bootstrap.servers": self.bootstrap}

    def client_of(self, user: str, password: str | None = None) -> dict[str, Any]:
        """The properties of a user of the SASL listener (`acl=True`); its password is its name with `-secret`."""
        return {
            "bootstrap.servers": f"127.0.0.1:{self._sasl_port}",
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": user,
            "sasl.password": password or f"{user}-secret",
        }

    def start(self) -> None:
        """Start the broker and wait until it answers. Raises RuntimeError with the end of its log when it does not."""
        self.launch()
        self.wait_until_up()

    def launch(self) -> None:
        """Start the broker's process; it may not answer yet."""
        atexit.register(self.remove)  # also when the caller forgets, or fails before it could
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self.folder / "server.properties"), heap="512m"),
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, start_new_session=True,
            )  # fmt: skip

    def wait_until_up(self) -> None:
        """Wait until a launched broker answers. Raises RuntimeError with the end of its log when it does not."""
        until = time.monotonic() + READY_S
        admin = AdminClient({**self.client, "log_level": 0})
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                if admin.list_topics(timeout=1).brokers:
                    return
            except KafkaException:
                continue
        self.kill()
        raise RuntimeError(f"Kafka did not start:\n{self.log_file.read_text()[-3000:]}")

    def kill(self) -> None:
        """End the broker at once, as a crash does. Its data stays."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the broker in order. Its data stays."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Stop the broker's process without ending it: connections stay open and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused broker go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same data and port."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """End the broker and delete its data."""
        atexit.unregister(self.remove)
        self.kill()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _java(self, main: str, *arguments: str, heap: str) -> list[str]:
        options = [
            f"-Xmx{heap}",
            "-XX:+UseSerialGC",
            f"-XX:TieredStopAtLevel={self._compiler}",
            "-Djava.awt.headless=true",
        ]
        options += [f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"]
        return ["java", *options, "-cp", self._classpath, main, *arguments]

    def _format(self) -> None:
        """Write the settings and format the storage."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "log4j2.properties").write_text(
            "rootLogger.level=warn\nrootLogger.appenderRef.out.ref=out\n"
            "appender.out.type=Console\nappender.out.name=out\n"
            "appender.out.layout.type=PatternLayout\nappender.out.layout.pattern=%d %p %c{1}: %m%n\n"
        )
        properties = self.folder / "server.properties"
        settings = {**self._settings(), **self._extra}
        properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        command = self._java(
            "kafka.tools.StorageTool", "format", f"--cluster-id={self._cluster_id}", "-c", str(properties), heap="128m"
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        if done.returncode:
            raise RuntimeError(f"Kafka's storage could not be formatted: {done.stdout}{done.stderr}")

    def _settings(self) -> dict[str, object]:
        listeners = f"PLAINTEXT://127.0.0.1:{self.port}"
        protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
        settings: dict[str, object] = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.folder / "data",
            "num.partitions": 1,
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            "group.consumer.min.session.timeout.ms": 1000,
            "group.consumer.min.heartbeat.interval.ms": 100,
            "group.consumer.heartbeat.interval.ms": 300,
            "group.consumer.session.timeout.ms": 6000,
            "log.retention.ms": -1,  # tests write old timestamps; retention by time is a setting of a test's own topic
            "log.retention.check.interval.ms": 1000,
            "log.initial.task.delay.ms": 500,
            "log.cleaner.dedupe.buffer.size": 4 << 20,
            "log.cleaner.backoff.ms": 500,
            "controlled.shutdown.enable": "false",
            "broker.session.timeout.ms": 3000,  # after a kill it may come back when its last session is over
            "broker.heartbeat.interval.ms": 300,
            "num.network.threads": 2,
            "num.io.threads": 4,
        }
        if self.acl:
            users = " ".join(f'user_{user}="{user}-secret"' for user in ("admin", "guest"))
            listeners += f",SASL://127.0.0.1:{self._sasl_port}"
            protocols += ",SASL:SASL_PLAINTEXT"
            settings |= {
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:admin;User:ANONYMOUS",
                "sasl.enabled.mechanisms": "PLAIN",
                "listener.name.sasl.plain.sasl.jaas.config": (
                    f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
                ),
            }
        advertised = listeners
        return settings | {
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": advertised,
            "listener.security.protocol.map": protocols,
            "inter.broker.listener.name": "PLAINTEXT",
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a Kafka by hand until Ctrl-C or SIGTERM; the process exit code."""
    parser = argparse.ArgumentParser(prog="tests.support.real_kafka", description="A Kafka for use by hand.")
    parser.add_argument("--port", type=int, default=9092, help="0: any free one")
    parser.add_argument("--acl", action="store_true", help="add a SASL listener with users admin and guest")
    options = parser.parse_args(arguments)

    def stop(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    kafka = RealKafka(options.port, acl=options.acl)
    try:
        kafka.start()
        sys.stdout.write(f"{kafka.bootstrap}\n")
        sys.stdout.flush()
        while True:
            signal.pause()
    except KeyboardInterrupt:
        return 0
    finally:
        kafka.remove()


def required() -> bool:
    """Whether a missing Kafka is a failure rather than a reason to skip: in continuous integration."""
    return bool(os.environ.get("CI"))


if __name__ == "__main__":
    sys.exit(main())
