"""A real Alertmanager on loopback, with the configuration that we ship; it notifies a receiver of the test."""

import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import orjson
import yaml

from tests.support.debian_packages import binary, home
from tests.support.real_kafka import free_ports
from tests.support.workers import wait_for

SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "alertmanager" / "alertmanager.yml"


def quick_config(hook: str) -> dict[str, Any]:
    """The shipped configuration with short times, every alert a group of its own, and notifications to `hook`."""
    config: dict[str, Any] = yaml.safe_load(SHIPPED.read_text())
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": "100ms", "group_interval": "300ms", "repeat_interval": "4h"}
    config["route"]["group_by"] = ["..."]
    for receiver in config["receivers"]:
        receiver["webhook_configs"][0]["url"] = hook
    return config


class RealAlertmanager:
    """One process with a data folder of its own. A context manager; `kill` and `start` keep the data."""

    def __init__(self, folder: Path, hook: str) -> None:
        self._folder = folder
        [self.port] = free_ports(1)
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(quick_config(hook)))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [
            str(binary("alertmanager")), f"--config.file={self._folder / 'alertmanager.yml'}",
            f"--storage.path={self._folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=", "--data.maintenance-interval=200ms",
        ]  # fmt: skip
        with (self._folder / "alertmanager.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=home("alertmanager")
            )
        wait_for(self._is_up, "Alertmanager is up")

    def kill(self) -> None:
        """End it at once, as a crash does."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait(10)

    def _get(self, path: str) -> bytes:
        with httpx.Client(timeout=5, trust_env=False) as client:
            return client.get(f"{self.url}{path}").raise_for_status().content

    def alerts(self) -> list[dict[str, Any]]:
        """What it believes now, inhibited ones too."""
        found: list[dict[str, Any]] = orjson.loads(self._get("/api/v2/alerts"))
        return found

    def noted_since(self, moment_s: float) -> bool:
        """Whether it wrote its log of notifications to disk after a moment of the wall clock."""
        file = self._folder / "data" / "nflog"
        return file.is_file() and file.stat().st_mtime > moment_s and time.time() > moment_s

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "alertmanager.log").read_text()
        try:
            return bool(self._get("/-/ready"))
        except httpx.HTTPError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
