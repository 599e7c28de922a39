"""Programs of Debian packages for tests: downloaded once with apt, unpacked into `.tools`, installed nowhere.

No root, no daemon and no service is needed: apt checks the package against its signed lists, `dpkg-deb -x` unpacks it.
A program that has not answered `--version` is not handed out.
"""

import fcntl
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Literal

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = REPOSITORY / ".tools"

Program = Literal["prometheus", "promtool", "alertmanager", "amtool"]

_FOUND_IN: dict[Program, tuple[str, str]] = {
    "prometheus": ("prometheus", "usr/bin/prometheus"),
    "promtool": ("prometheus", "usr/bin/promtool"),
    "alertmanager": ("prometheus-alertmanager", "usr/bin/prometheus-alertmanager"),
    "amtool": ("prometheus-alertmanager", "usr/bin/amtool"),
}
"""The package of each program, and where it lies there."""

_SHARE = "usr/share/prometheus/alertmanager"
"""Where Alertmanager's programs look for their templates: they read them from the folder they run in instead."""

_DOWNLOAD_S = 300


class MissingPackageError(Exception):
    """Why a program is not to be had here: no apt, no network, no such package, or it does not run."""


def binary(name: Program) -> Path:
    """The program, ready to run; downloads its package once. Raises MissingPackageError."""
    package, inside = _FOUND_IN[name]
    folder = TOOLS / f"{package}-{platform.machine()}"
    if not folder.is_dir():
        _fetch(package, folder)
    program = folder / inside
    if not program.is_file():
        raise MissingPackageError(f"Debian's package {package} has no {inside}")
    return program


def home(name: Program) -> Path:
    """The folder that a program must run in: Alertmanager's finds its templates there."""
    program = binary(name)
    share = program.parents[2] / _SHARE
    return share if share.is_dir() else program.parent


def required() -> bool:
    """Whether a missing program is a failure rather than a reason to skip: in continuous integration."""
    return bool(os.environ.get("CI"))


def _fetch(package: str, folder: Path) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise MissingPackageError(f"{tool} is not installed")
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once download once
        if folder.is_dir():
            return
        fresh = folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        archive = _download(package, fresh)
        _done(["dpkg-deb", "-x", str(archive), str(fresh)])
        archive.unlink()
        for _, inside in (found for found in _FOUND_IN.values() if found[0] == package):
            _relocate(fresh / inside)
            _done([str(fresh / inside), "--version"])
        fresh.rename(folder)


def _relocate(program: Path) -> None:
    """Let a program read its templates from where it runs: a path of the same length, since it is not installed."""
    there = f"/{_SHARE}".encode()
    here = (b"./" * len(there))[: len(there)]
    built = program.read_bytes()
    if there in built:
        program.write_bytes(built.replace(there, here))


def _download(package: str, folder: Path) -> Path:
    """The package's file. The lists of packages are brought up to date only where the package is not to be had."""
    command = ["apt-get", "download", "-q", package]
    try:
        _done(command, folder)
    except MissingPackageError:
        _done(["apt-get", "update", "-q"])
        _done(command, folder)
    found = sorted(folder.glob("*.deb"))
    if len(found) != 1:
        raise MissingPackageError(f"apt downloaded {len(found)} files for {package}, not one")
    return found[0]


def _done(command: list[str], folder: Path | None = None) -> None:
    try:
        ended = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_DOWNLOAD_S, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingPackageError(f"{command[0]} failed: {error}") from error
    if ended.returncode:
        raise MissingPackageError(f"{' '.join(command)} failed: {(ended.stdout + ended.stderr)[-2000:]}")
