"""What is this job told to do? One TOML file, and the environment for secrets: read once, checked as a whole.

`load` returns a `Config` with the ready specs of every room, or raises one `ConfigError` with every problem. The only
room that reads the environment. Invariant: a `Config` that exists can be run; no `repr` of it shows a secret.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from streams.formats.decoder import Decoder
from streams.formats.expressions import MappingError
from streams.formats.spec import MappingSpec
from streams.ledger.spec import LedgerSpec
from streams.quality.spec import QualitySpec
from streams.runtime.config.alerts import AlertsConfig, alerts_config
from streams.runtime.config.crosses import cross_problems
from streams.runtime.config.lines import KeyPath, LineIndex, index_lines
from streams.runtime.config.model import Document
from streams.runtime.config.pins import Pins, ledger_pins, pins_hash, quality_hash
from streams.runtime.config.problems import Code, InvalidConfigError, Problem, dotted, translate
from streams.runtime.config.receivers import DeliverConfig, ReceiverConfig, deliver_config, receiver_configs
from streams.runtime.config.secrets import Secrets
from streams.runtime.config.specs import dimensions_of, ledger_spec, mapping_spec, quality_spec
from streams.runtime.config.values import Start
from streams.runtime.errors import ConfigError

TopicNoun = Literal[
    "windows", "classes", "confusion", "drift", "calibration", "delays", "groups", "label_sources", "samples",
    "alerts", "alert-log", "gates", "tellings", "rejects", "audit", "ledger", "tallies", "checkpoints", "status",
]  # fmt: skip
"""The job's own topics; `Config.topic` gives their names."""

DEFAULTS_FILE = "(defaults)"


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """One topic to read, where a first start begins, and how its records become rows."""

    topic: str
    start: Start
    mapping: MappingSpec


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One worker's rhythm (ms), its web server and its logs."""

    tick_ms: int
    flush_interval_ms: int
    checkpoint_interval_ms: int  # 0: no checkpoints
    cache_dir: str | None
    max_held_bytes: int | None
    max_ahead_ms: int  # of event time, before a source waits for those behind it
    http_host: str
    http_port: int
    log_level: str
    log_format: Literal["json", "text"]


@dataclass(frozen=True, slots=True)
class Config:
    """A whole, checked configuration.

    `client` is what every Kafka client of the job gets, `bootstrap.servers` among it; `secrets` are the values that
    no output may show. `dimensions` is the order of `Group.segments`.
    """

    file: str
    name: str
    prefix: str
    prediction_sources: tuple[SourceConfig, ...]
    label_sources: tuple[SourceConfig, ...]
    dimensions: tuple[str, ...]
    ledger: LedgerSpec
    quality: QualitySpec
    run: RunConfig
    alerts: AlertsConfig
    deliver: DeliverConfig
    receivers: tuple[ReceiverConfig, ...]
    static_member: str | None
    group_protocol: Literal["classic", "consumer"]
    replication: int
    create_topics: bool
    client: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    def topic(self, noun: TopicNoun) -> str:
        """The full name of one of the job's own topics."""
        return topic_name(self.prefix, noun)

    def pinned(self) -> Pins:
        """Everything the job's logs depend on, readable; `ledger.config_hash` is its hash."""
        sources = (*self.prediction_sources, *self.label_sources)
        mappings = {source.topic: source.mapping for source in sources}
        return ledger_pins(self.ledger, mappings, self.dimensions, self.quality.settings.samples)

    @property
    def config_hash(self) -> str:
        """The hash of `pinned()`, 16 hex digits."""
        return self.ledger.config_hash

    @property
    def quality_hash(self) -> str:
        """The hash of what the judge's rows depend on besides the ledger, 16 hex digits."""
        return quality_hash(self.quality)

    def require_topics(self) -> None:
        """Raise `ConfigError` unless there is a topic of predictions and one of labels."""
        missing = [
            table
            for table, sources in (("predictions", self.prediction_sources), ("labels", self.label_sources))
            if not sources
        ]
        if missing:
            text = f'no topic of {missing[0]}. Nothing could be counted. Add [[{missing[0]}]] with topic = "...".'
            raise InvalidConfigError(self.file, [Problem(1, Code.MISSING_KEY, missing[0], text)])


def topic_name(prefix: str, noun: TopicNoun) -> str:
    """The full name of one of the job's own topics under a prefix."""
    return f"{prefix}{noun}.v1"


def environment() -> Mapping[str, str]:
    """The environment of this process, for `load`."""
    return os.environ


def load(path: Path | None, env: Mapping[str, str]) -> Config:
    """The configuration in a TOML file; the defaults, without topics, when `path` is None.

    Raises:
        ConfigError: The file cannot be read or has problems: one line for each, every one at once.
    """
    if path is None:
        return parse("", DEFAULTS_FILE, env)
    try:
        data = path.read_bytes()
    except OSError as error:
        why = error.strerror or "it cannot be read"
        raise ConfigError(f"{path}:1: {Code.UNREADABLE} the file cannot be read: {why}. Name a TOML file.") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = Problem(line, Code.SYNTAX, "", "not UTF-8, which TOML must be. Save the file as UTF-8.")
        raise InvalidConfigError(str(path), [problem]) from None
    return parse(text, str(path), env)


def parse(text: str, file: str, env: Mapping[str, str]) -> Config:
    """The configuration in a TOML text; `file` is what problems call it. Raises `ConfigError` with every problem."""
    raw = _document(text, file)
    lines = index_lines(text)
    secrets = Secrets(env, lines)
    resolved = secrets.resolve(raw)
    problems = [*secrets.problems, *cross_problems(resolved, lines, secrets.values, whole=not secrets.problems)]
    try:
        document = Document.model_validate(resolved)
    except ValidationError as error:
        problems += [translate(detail, Document, lines) for detail in error.errors(include_url=False)]
        raise InvalidConfigError(file, problems) from None
    if problems:
        raise InvalidConfigError(file, problems)
    config = _built(document, file, secrets.values, lines)
    problems = _uncompilable(config, lines)
    if problems:
        raise InvalidConfigError(file, problems)
    return config


def _document(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # also of a number of thousands of digits
        what, _, place = str(error).partition(" (at ")
        number = place.removeprefix("line ").partition(",")[0]
        line = int(number) if number.isdigit() else text.count("\n") + 1
        problem = Problem(line, Code.SYNTAX, "", f"not TOML: {what}. Nothing after it was read. Mend it first.")
        raise InvalidConfigError(file, [problem]) from None


def _uncompilable(config: Config, lines: LineIndex) -> list[Problem]:
    """Mappings whose expressions are right and that make no sense together, such as one without a class."""
    problems = []
    for name, sources in (("predictions", config.prediction_sources), ("labels", config.label_sources)):
        for index, source in enumerate(sources):
            path: KeyPath = (name, index, "map")
            try:
                Decoder(source.mapping, config.dimensions if name == "predictions" else ())
            except MappingError as error:
                text = f"{error}. Mappings are described in docs/mapping.md."
                problems.append(Problem(lines.line_of(path), Code.EXPRESSION, dotted(path), text))
    return problems


def _built(document: Document, file: str, secrets: tuple[str, ...], lines: LineIndex) -> Config:
    """The specs of every room from a document without problems. Raises `InvalidConfigError` for those of its rules."""
    dimensions = dimensions_of(document)
    quality = quality_spec(document, dimensions)
    run = document.run
    config = Config(
        file=file,
        name=document.name,
        prefix=document.prefix if document.prefix is not None else f"{document.name}.",
        prediction_sources=tuple(
            SourceConfig(table.topic, table.start, mapping_spec(document, table)) for table in document.predictions
        ),
        label_sources=tuple(
            SourceConfig(table.topic, table.start, mapping_spec(document, table)) for table in document.labels
        ),
        dimensions=dimensions,
        ledger=ledger_spec(document),
        quality=quality,
        run=RunConfig(
            run.tick_ms,
            run.flush_interval_ms,
            run.checkpoint_interval_ms,
            run.cache_dir,
            run.max_held_bytes,
            run.max_ahead_ms,
            run.http_host,
            run.http_port,
            run.log_level,
            run.log_format,
        ),
        alerts=alerts_config(document.alerts, file, lines, quality),
        deliver=deliver_config(document.deliver),
        receivers=receiver_configs(document.receivers),
        static_member=document.kafka.static_member,
        group_protocol=document.kafka.group_protocol,
        replication=document.kafka.replication,
        create_topics=document.kafka.create_topics,
        client={**document.kafka.client, "bootstrap.servers": document.kafka.bootstrap},
        secrets=secrets,
    )
    return replace(config, ledger=replace(config.ledger, config_hash=pins_hash(config.pinned())))
