"""How does a command reach the brokers? From a configuration file, or from `--brokers` and `--prefix`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from streams.runtime.config.job import Config, environment, load


def connection(config: Path | None, brokers: str | None, prefix: str | None) -> tuple[Mapping[str, Any], str]:
    """The client properties and the prefix of the job's topics; what the command line says goes first."""
    if config is None and brokers is None:
        raise typer.BadParameter("say where to read: -c CONFIG, or --brokers HOST:PORT (and --prefix).")
    if config is None:
        return {"bootstrap.servers": brokers}, prefix if prefix is not None else load(None, {}).prefix
    loaded = load_config(config)
    client = dict(loaded.client) if brokers is None else {**loaded.client, "bootstrap.servers": brokers}
    return client, prefix if prefix is not None else loaded.prefix


def load_config(path: Path) -> Config:
    """The configuration in a file, with the environment of this process. Raises `ConfigError`."""
    return load(path, environment())
