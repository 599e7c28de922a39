"""The newest checkpoint of each partition on the local disk: a worker that comes back need not read it from Kafka.

Never needed: a disk that is full, slow or lost costs time and no count, and says so once.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from streams.runtime.checkpoints.rules import Manifest
from streams.runtime.kafka.client import Log


class _File(msgspec.Struct):
    manifest: Manifest
    chunks: list[bytes]


_DECODER = msgspec.msgpack.Decoder(_File)


class Cache:
    """One file for each stage and partition of a job; `folder` None keeps nothing."""

    def __init__(self, folder: Path | None, job: str, log: Log) -> None:
        self._folder, self._job, self._log = folder, job, log
        self._well = True

    def save(self, manifest: Manifest, chunks: Sequence[bytes]) -> None:
        """Replace the file of a partition, whole or not at all."""
        if self._folder is None:
            return
        path = self._path(manifest.stage, manifest.partition)
        fresh = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.msgpack.encode(_File(manifest, list(chunks))))
            fresh.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            if self._well:
                self._log.warning("the cache cannot be written; going on without it", file=str(path), why=str(error))
            self._well = False
        else:
            self._well = True

    def load(self, stage: str, partition: int) -> tuple[Manifest, dict[int, bytes]] | None:
        """What was saved last for a partition; None when there is nothing whole."""
        if self._folder is None:
            return None
        try:
            found = _DECODER.decode(self._path(stage, partition).read_bytes())
        except (OSError, msgspec.DecodeError):
            return None
        return found.manifest, dict(enumerate(found.chunks))

    def _path(self, stage: str, partition: int) -> Path:
        return (self._folder or Path()) / self._job / f"{stage}-{partition}.checkpoint"
