"""The job in which the rules of these tests are asked."""

from streams.runtime.config.job import Config, parse

JOB: Config = parse(
    """
[[predictions]]
topic = "p"
segments = { region = "value.r" }
[classes]
expected = ["fraud", "ok", "chargeback"]
[windows]
sizes = ["1h", "24h", "24h/1h"]
[groups]
protected = ["region"]
[models.late]
settle = "38h"
[models.fraud-clf]
expected_classes = ["fraud", "ok", "chargeback"]
""",
    "job.toml",
    {},
)
