"""Ask Prometheus' own evaluator what a query of a shipped file gives."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.support.debian_packages import MissingPackageError, binary, required


def check_query(folder: Path, query: str, series: Mapping[str, float], expected: Mapping[str, float]) -> None:
    """Fail unless a query over series of constant values gives exactly these samples, by their labels.

    Skips where promtool is not to be had; in continuous integration that is a failure.
    """
    try:
        promtool = binary("promtool")
    except MissingPackageError as error:
        if required():
            raise
        pytest.skip(str(error))
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": f"{value}x5"} for name, value in series.items()],
        "promql_expr_test": [
            {
                "expr": query,
                "eval_time": "4m",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()],
            }
        ],
    }
    path = folder / "query.test.yml"
    path.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run([promtool, "test", "rules", path], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
