"""May this librdkafka property be set, and does librdkafka take it? Checks `[kafka.client]` without connecting.

The job owns the properties its exactness rests on: who sets `enable.auto.commit` would lose counts. Everything else
goes to librdkafka as it is, so every broker it can reach (TLS, mutual TLS, SCRAM, OAUTHBEARER) can be used.
"""

import re
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException

from streams.runtime.config.problems import Code, Problem, closest, dotted

_POSITION = "the folds keep their own positions, and counts are exact only by them"
_IDENTITY = "it follows from the job's name"
_FENCING = "it keeps a worker that was replaced from writing"
_NO_LOSS = "a record that is given up or overtaken would open a gap in the logs"

OWNED: Mapping[str, str] = {
    "bootstrap.servers": "write it as kafka.bootstrap",
    "metadata.broker.list": "write it as kafka.bootstrap",
    "group.instance.id": "write it as kafka.static_member",
    "group.protocol": "write it as kafka.group_protocol",
    "client.id": "each stage has its own, so that brokers can tell them apart",
    "session.timeout.ms": "it must fit the job's own heartbeats",
    "heartbeat.interval.ms": "it must fit the job's own session timeout",
    "group.id": _IDENTITY,
    "transactional.id": _IDENTITY,
    "transaction.timeout.ms": _FENCING,
    "enable.auto.commit": _POSITION,
    "auto.commit.enable": _POSITION,
    "enable.auto.offset.store": _POSITION,
    "auto.offset.reset": _POSITION,
    "enable.partition.eof": "time moves past silent sources only by it",
    "partition.assignment.strategy": "partitions that stay with a worker must not stop for those that move",
    "isolation.level": _FENCING,
    "enable.idempotence": _NO_LOSS,
    "acks": _NO_LOSS,
    "request.required.acks": _NO_LOSS,
    "message.timeout.ms": _NO_LOSS,
    "delivery.timeout.ms": _NO_LOSS,
    "retries": _NO_LOSS,
    "message.send.max.retries": _NO_LOSS,
    "max.in.flight": _NO_LOSS,
    "max.in.flight.requests.per.connection": _NO_LOSS,
}
"""Properties that are refused, and why."""

SECRET_PROPERTIES = frozenset(
    {"sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password", "sasl.oauthbearer.client.secret"}
)
"""Properties whose value must come from the environment."""

_USUAL = (
    "security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password",
    "sasl.oauthbearer.method", "sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.scope", "sasl.oauthbearer.extensions",
    "sasl.kerberos.service.name", "sasl.kerberos.keytab", "sasl.kerberos.principal", "ssl.ca.location", "ssl.ca.pem",
    "ssl.certificate.location", "ssl.certificate.pem", "ssl.key.location", "ssl.key.pem", "ssl.key.password",
    "ssl.keystore.location", "ssl.keystore.password", "ssl.endpoint.identification.algorithm",
    "enable.ssl.certificate.verification", "client.rack", "client.dns.lookup", "broker.address.family",
    "compression.type", "compression.codec", "linger.ms",
    "socket.timeout.ms", "socket.keepalive.enable", "reconnect.backoff.ms", "reconnect.backoff.max.ms",
    "fetch.min.bytes", "fetch.wait.max.ms", "statistics.interval.ms", "debug",
)  # fmt: skip
"""For `Did you mean` only; librdkafka knows more."""

_QUIET = {"log_level": 0, "group.id": "check"}
_NOT_ALONE = "Failed to create"  # each property was taken; what is wrong is told of all of them together
_UNREACHED = "http://127.0.0.1:9/"  # where a token would be fetched during the check: the discard port of loopback


def problem_of_property(name: str, value: str, secrets: tuple[str, ...]) -> tuple[Code, str] | None:
    """What is wrong with one property of `[kafka.client]`; None when librdkafka takes it."""
    if name in OWNED:
        return Code.CLIENT_OWNED, f"the job sets {name} itself: {OWNED[name]}. Remove it."
    try:
        Consumer({name: value, **_QUIET}).close()
    except KafkaException as error:
        if str(error.args[0].str()).startswith(_NOT_ALONE):
            return None
        said = _without(_said(error), secrets)
        hint = closest(name, _USUAL) if "No such configuration" in said else ""
        return Code.CLIENT_INVALID, f"librdkafka refuses it: {said}.{hint}"
    return None


def problem_of_client(client: Mapping[str, str], secrets: tuple[str, ...]) -> Problem | None:
    """What is wrong with properties that are fine one by one: a missing companion, a file that cannot be read.

    The client has no broker and fetches no token. The problem's line is not set.
    """
    tried = {name: _UNREACHED if name.endswith("token.endpoint.url") else value for name, value in client.items()}
    try:
        Consumer({**tried, **_QUIET}).close()
    except KafkaException as error:
        said = _without(_said(error), secrets)
        return Problem(
            0, Code.CLIENT_INVALID, dotted(("kafka", "client")), f"librdkafka refuses them together: {said}."
        )
    return None


def _said(error: KafkaException) -> str:
    text = str(error.args[0].str()).strip().rstrip(".")
    return re.sub(r"\s+", " ", text).removeprefix(f"{_NOT_ALONE} consumer: ")


def _without(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
