"""The jars of an Apache Kafka: fetched once from Maven (`deploy/kafka/pom.xml`), kept in `.kafka/jars`."""

import fcntl
import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
JARS = REPOSITORY / ".kafka" / "jars"


class MissingKafkaError(Exception):
    """Why there is no Kafka to be had here: Java, Maven or the jars are missing."""


def fetch_jars() -> Path:
    """The folder with a broker's jars; downloads them once. Raises MissingKafkaError."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None and not (tool == "mvn" and any(JARS.glob("kafka_*.jar"))):
            raise MissingKafkaError(f"{tool} is not installed")
    JARS.parent.mkdir(exist_ok=True)
    with (JARS.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once download once
        if any(JARS.glob("kafka_*.jar")):
            return JARS
        fresh = JARS.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        pom = REPOSITORY / "deploy" / "kafka" / "pom.xml"
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not any(fresh.glob("kafka_*.jar")):
            raise MissingKafkaError(f"Maven could not fetch Kafka: {(done.stdout + done.stderr)[-2000:]}")
        fresh.rename(JARS)
    return JARS
