"""What a run was made on: processor, memory, versions, date, revision. No names of hosts, users or folders."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from confluent_kafka import libversion

from tests.support.kafka_jars import fetch_jars

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("confluent-kafka", "faust-streaming", "numpy", "orjson", "msgspec")


def machine() -> dict[str, Any]:
    """The facts. `load` is the load average at the start: beyond some tenths others were at work too."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "revision": _revision(),
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_gib": round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 2**20),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "kafka": _kafka_version(),
        "librdkafka": libversion()[0],
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _field(file: str, name: str) -> str:
    """The value of a field of a file of /proc; empty when it has none."""
    found = re.search(rf"^{name}\s*:\s*(.*)$", Path(file).read_text(), re.MULTILINE)
    return found[1].strip() if found else ""


def _revision() -> str:
    """The commit that is measured, with a + when files differ from it; empty outside of a repository."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return said.stdout.strip()


def _kafka_version() -> str:
    """The version of the broker, from its jar."""
    names = [path.stem for path in fetch_jars().glob("kafka_*.jar")]
    return names[0].rpartition("-")[2] if names else ""
