"""The alerts that the demo must tell: what a replay of its files says with its rules.

    python -m tests.golden.demo_alerts       writes streams/cli/demo_data/alerts.json anew; read the diff

Only the windows of a day are kept, those that its detectors watch; error budgets do not depend on windows.
"""

import sys
import tempfile
from pathlib import Path

import orjson

from streams.cli.demo_alerts import answer_of, told
from streams.cli.demo_job import KNOWN_ALERTS, LOGS, config_text
from streams.runtime.config.job import parse
from streams.runtime.replay import replay


def known(folder: Path) -> bytes:
    """The file's bytes, by a replay into a folder."""
    text = config_text("demo", "127.0.0.1:1", embedded=True).replace('"1h", "24h", "7d"', '"24h"')
    replay(parse(text, "demo", {}), LOGS, folder, now_ms=None)
    rows = told(orjson.loads(line) for line in (folder / "alert_log.jsonl").read_bytes().splitlines())
    return orjson.dumps([answer_of(row) for row in rows], option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as out:
        KNOWN_ALERTS.write_bytes(known(Path(out)))
    sys.stdout.write(f"{KNOWN_ALERTS}\n")
