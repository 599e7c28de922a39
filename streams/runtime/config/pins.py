"""What may a running job not change? Everything its logs were written with, as readable settings, and their hash.

Two configurations may read and write the same logs exactly when their pins are equal; a mismatch names what differs.
Not pinned: brokers, ports, ticks, starts (resolved once and committed), windows, expected classes, references, costs
and groups (the judge derives them from counts that do not depend on them; `quality_hash` tells two of those apart).
"""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b, sha256

import orjson

from streams.formats.reasons import Kind
from streams.formats.spec import MappingSpec
from streams.ledger.spec import LedgerSpec, Timing
from streams.quality.settings import SamplesSpec
from streams.quality.spec import QualitySpec
from streams.runtime.config.durations import format_duration
from streams.runtime.config.values import LABEL_TIME, view_of_maturity

Pins = Mapping[str, str]
"""Settings by dotted name, in order."""

_DIGITS = 16


def pins_hash(pins: Pins) -> str:
    """The hash of pinned settings, 16 hex digits."""
    return sha256(orjson.dumps(dict(pins), option=orjson.OPT_SORT_KEYS)).hexdigest()[:_DIGITS]


def ledger_pins(
    spec: LedgerSpec, mappings: Mapping[str, MappingSpec], dimensions: tuple[str, ...], samples: SamplesSpec
) -> dict[str, str]:
    """The pinned settings of the ledger, of the mappings by topic, and of the samples that the ledger gathers."""
    pins = {
        "ledger.partitions": str(spec.partitions),
        "ledger.tallies_partitions": str(spec.tallies_partitions),
        "windows.pane": format_duration(spec.pane_ms),
        "windows.detail": format_duration(spec.detail_ms),
        "windows.views": ", ".join(_views(spec)) or "(none)",
        "samples.per_window": str(samples.per_window),
        "samples.confident": str(samples.confident),
        "samples.near": str(samples.near),
        "time.max_disorder": format_duration(spec.max_disorder_ms),
        "time.label_disorder": format_duration(spec.label_disorder_ms),
        "time.idle_after": format_duration(spec.idle_after_ms),
        "time.live_within": format_duration(spec.live_within_ms),
        "limits.max_classes": str(spec.max_classes),
        "limits.max_groups": str(spec.max_groups),
        "limits.max_models": str(spec.max_models),
        "limits.max_labels_per_id": str(spec.max_labels_per_id),
        "privacy_key": _key_digest(spec.privacy_key),
        "segments": ", ".join(dimensions) or "(none)",
        **_timing_pins("windows", spec.timing),
    }
    for model, timing in sorted(spec.models):
        pins |= _timing_pins(f'models."{model}"', timing)
    pins |= {f'models."{model}".paired': "yes" for model in spec.paired}  # only so: a job without any keeps its hash
    for topic, mapping in sorted(mappings.items()):
        pins |= _mapping_pins(f"{mapping.kind}s[{topic}]", mapping)
    return pins


def quality_hash(spec: QualitySpec) -> str:
    """The hash of everything the judge's rows depend on besides the ledger, 16 hex digits."""
    text = repr(replace(spec, models=tuple(sorted(spec.models)), expected_classes=tuple(sorted(spec.expected_classes))))
    return sha256(text.encode()).hexdigest()[:_DIGITS]


def differences(ours: Pins, theirs: Pins) -> list[str]:
    """One sentence for each pinned setting that is not the same, in order of their names."""
    return [
        f"{name} is {ours.get(name, 'not set')} here and {theirs.get(name, 'not set')} in the job's logs"
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    ]


def _key_digest(key: str) -> str:
    """A digest that tells two keys apart and gives none away: a slow-to-guess key is required to be 16 characters."""
    return f"digest {blake2b(key.encode(), digest_size=8, person=b'streams.pin').hexdigest()}" if key else "(none)"


def _views(spec: LedgerSpec) -> list[str]:
    ages = [view_of_maturity(age_ms) for age_ms in spec.maturities_ms]
    return [LABEL_TIME, *ages] if spec.label_time else ages


def _timing_pins(table: str, timing: Timing) -> dict[str, str]:
    return {
        f"{table}.horizon": format_duration(timing.horizon_ms),
        f"{table}.slack": format_duration(timing.slack_ms),
        f"{table}.settle": format_duration(timing.settle_ms),
    }


def _mapping_pins(table: str, mapping: MappingSpec) -> dict[str, str]:
    """A mapping as text, every part of it: an unknown part would be a change that nobody notices."""
    classes, limits = mapping.classes, mapping.limits
    pins = {f"{table}.map.{name}": " else ".join(candidates) for name, candidates in mapping.fields}
    pins |= {f"{table}.segments.{name}": " else ".join(candidates) for name, candidates in mapping.segments}
    if mapping.kind is Kind.PREDICTION:
        pins["scores.keep"] = str(mapping.keep_scores)
    return pins | {
        f"{table}.required": ", ".join(sorted(mapping.required)),
        f"{table}.delete_when": _text(sorted((name, list(values)) for name, values in mapping.delete_when)),
        f"{table}.ranks": _text(dict(sorted(mapping.ranks))),
        f"{table}.default_model": _text(mapping.default_model),
        f"{table}.default_version": _text(mapping.default_version),
        "classes.aliases": _text({name: sorted(spellings) for name, spellings in sorted(classes.aliases)}),
        "classes.expected": _text(sorted(classes.expected)),
        "classes.unknown": classes.unknown,
        "classes.positive": _text(classes.positive),
        "limits.value_bytes": str(limits.max_value_bytes),
        "limits.id_bytes": str(limits.max_id_bytes),
        "limits.name_chars": str(limits.max_name_chars),
        "limits.times": f"{limits.earliest_ms} to {limits.latest_ms}",
        "time.max_skew": format_duration(limits.max_skew_ms),
    }


def _text(value: object) -> str:
    return orjson.dumps(value).decode()
