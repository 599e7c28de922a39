"""`streams report`: one page about one model, from a replay's folder or from the job's topics.

The libraries that draw are an extra of the package and slow to load: they are imported when a page is drawn.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.options import connection
from streams.quality.rows import ALL
from streams.report.evidence import Evidence, Wish, gather
from streams.report.reading import Folder, ReportError, Source, Sourced
from streams.report.rows import StreamName
from streams.runtime.config.job import topic_name
from streams.runtime.errors import ConfigError, TopicError
from streams.runtime.kafka.tail import read_rows

if TYPE_CHECKING:
    from streams.report.page import Report

_MISSING = "drawing needs libraries that are not installed; install them with: pip install 'streams[report]'"


def report(
    folder: Annotated[
        Path | None, typer.Argument(help="The folder that `streams replay --out` made.", metavar="FOLDER")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page.", metavar="FILE")] = Path("report.html"),
    png: Annotated[Path | None, typer.Option(help="The pictures as one PNG, too.", metavar="FILE")] = None,
    model: Annotated[str | None, typer.Option(help="The model; needed where there are several.")] = None,
    version: Annotated[list[str] | None, typer.Option(help="Only this version; may be given again.")] = None,
    window: Annotated[str | None, typer.Option(help="The window size, such as 24h, which it is if not said.")] = None,
    segment: Annotated[str, typer.Option(help="The segment, such as country=NL.")] = ALL,
    topics: Annotated[bool, typer.Option("--topics", help="Read the output topics instead of a folder.")] = False,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="With --topics: the job's TOML file.")] = None,
    brokers: Annotated[str | None, typer.Option(help="With --topics: brokers, host:port, instead of a file.")] = None,
    prefix: Annotated[str | None, typer.Option(help="With --topics: what the topics begin with.")] = None,
) -> None:
    """Draw a page about a model: how good each version is, since when, for which classes, and how sure that is.

    One HTML file without scripts that needs no network: balanced accuracy over time with interval and coverage, drift
    and incidents, recall of each class, confusion table, calibration, label delay. Only the newest revision of each
    row counts. The same rows give the same bytes.

    [bold]Examples[/bold]

      streams report counted --out report.html

      streams report counted --model fraud --window 1h --segment country=NL --png report.png

      streams report --topics -c quality.toml --out report.html
    """
    wish = Wish(model, tuple(version or ()), window, segment)
    try:
        evidence = gather(_source(folder, config, brokers, prefix, is_topics=topics), wish)
    except ReportError as error:
        raise ConfigError(str(error)) from None
    drawn = _draw(evidence, with_png=png is not None)
    _write(out, drawn.html.encode())
    if png is not None and drawn.png is not None:
        _write(png, drawn.png)
    written = str(out) if png is None else f"{out} and {png}"
    typer.echo(f"{written}: {evidence.model}, {len(evidence.versions)} versions, windows of {evidence.window}")


class Topics:
    """The output topics of a job, each read from its start to the end that it has now."""

    def __init__(self, client: Mapping[str, Any], prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def rows(self, stream: StreamName) -> Iterator[Sourced] | None:
        """The rows of a stream; None where there is no such topic."""
        topic = topic_name(self._prefix, stream)
        found = read_rows(self._client, topic, from_start=True, follow=False)
        try:
            first = next(found, None)  # the topic is looked for when its first row is asked for
        except TopicError:
            return None
        rows = chain((first,), found)
        return (Sourced(f"{topic}, partition {row.partition}, offset {row.offset}", row.value) for row in rows if row)


def _source(
    folder: Path | None, config: Path | None, brokers: str | None, prefix: str | None, *, is_topics: bool
) -> Source:
    if is_topics == (folder is not None):
        raise typer.BadParameter("say where the rows are: a FOLDER of `streams replay`, or --topics with -c CONFIG.")
    if folder is not None:
        if config is not None or brokers is not None or prefix is not None:
            raise typer.BadParameter("--config, --brokers and --prefix go with --topics, not with a FOLDER.")
        return Folder(folder)
    return Topics(*connection(config, brokers, prefix))


def _draw(evidence: Evidence, *, with_png: bool) -> "Report":
    try:
        from streams.report.page import build  # noqa: PLC0415 -- an extra, and half a second of loading
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"matplotlib", "jinja2", "markupsafe"}:
            raise ConfigError(_MISSING) from None
        raise
    return build(evidence, with_png=with_png)


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None
