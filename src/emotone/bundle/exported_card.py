"""The model card of an exported bundle: its own card, what goes in and out, and the metadata of the Hugging Face hub.

The metadata is the YAML in front of a card (https://huggingface.co/docs/hub/model-cards): licence, data sets, pipeline
tag and measured metrics, whose intervals stand in their names and arguments, since the hub has no place for them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from emotone.bundle.about import BundleAbout
from emotone.bundle.bundle import Bundle
from emotone.bundle.card import RELATIVE, USE
from emotone.bundle.target import Target
from emotone.bundle.view.view import view_to_json
from emotone.errors import missing_extra

MARK = "<!-- what follows was written by emotone export-bundle -->"
LICENCES = {
    "mit": "mit",
    "apache 2.0": "apache-2.0",
    "cc0": "cc0-1.0",
    "cc0 1.0": "cc0-1.0",
    "odbl 1.0": "odbl",
    **{f"cc {name} 4.0": f"cc-{name}-4.0" for name in ("by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")},
    **{f"cc {name} 3.0": f"cc-{name}-3.0" for name in ("by", "by-sa", "by-nc", "by-nc-sa", "by-nc-nd")},
}
"""The hub's identifiers of licences; all others are `other`, with their name."""
PIPELINE_TAG = "audio-classification"
TASK = {"type": PIPELINE_TAG, "name": "Speech emotion recognition"}
LONGEST_LICENCE = 200


def exported_card(about: BundleAbout, bundle: Bundle, own: str, for_hub: bool) -> str:
    """The card as Markdown; `own` is the bundle's, of which what an earlier export has added is left out."""
    own = _without_added(own).strip() or f"# {about.name}\n\n{about.description}\n\n{USE}".strip()
    parts = [own, MARK]
    if about.results and "## Measured" not in own:
        parts.append(_measured(about))
    parts += [_use(about), _preprocessing(about, bundle)]
    front = f"---\n{_yaml(hub_metadata(about))}---\n\n" if for_hub else ""
    return front + "\n\n".join(parts) + "\n"


def hub_metadata(about: BundleAbout) -> dict[str, Any]:
    """The hub's metadata of a bundle, as plain data.

    >>> from emotone.bundle.folder import available, read_about
    >>> found = hub_metadata(read_about(available()["default"]))
    >>> found["license"], found["pipeline_tag"], found["datasets"]
    ('mit', 'audio-classification', ['emodb', 'librispeech'])
    """
    results = [_result(result, about) for result in about.results]
    results = [result for result in results if result["metrics"]]
    datasets = list(dict.fromkeys(map(_slug, _trained_on(about))))
    metrics = list(dict.fromkeys(metric["type"] for result in results for metric in result["metrics"]))
    found = {
        **_licence(about.licence),
        "library_name": "emotone",
        "pipeline_tag": PIPELINE_TAG,
        "tags": ["speech-emotion-recognition", "emotone", "onnx"],
    }
    found |= {key: values for key, values in (("datasets", datasets), ("metrics", metrics)) if values}
    return found | ({"model-index": [{"name": about.name, "results": results}]} if results else {})


def _licence(licence: str) -> dict[str, str]:
    """The hub's licence keys.

    >>> _licence("CC BY-NC-SA 4.0"), _licence("CC0; MIT")
    ({'license': 'cc-by-nc-sa-4.0'}, {'license': 'other', 'license_name': 'CC0; MIT'})
    """
    known = LICENCES.get(licence.strip().lower())
    if known:
        return {"license": known}
    name = " ".join(licence.split())[:LONGEST_LICENCE]
    return {"license": "other", "license_name": name or "not stated"}


def _trained_on(about: BundleAbout) -> list[str]:
    training = about.training
    return list(training.corpora) or ([training.corpus] if training.corpus else [])


def _slug(name: str) -> str:
    """A name as the hub takes them.

    >>> _slug("MSP-Podcast 1.6")
    'msp-podcast-1.6'
    """
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.") or "unnamed"


def _result(result: dict[str, Any], about: BundleAbout) -> dict[str, Any]:
    """An entry of the hub's model index: what was measured on one data set."""
    protocol = str(result.get("protocol", "")) or "not stated"
    tested = list(result.get("corpora") or [])
    tested = tested or [name for name in _trained_on(about) if name.lower() in protocol.lower()] or [protocol]
    return {
        "task": {**TASK},
        "dataset": {"type": _slug(tested[0]) if len(tested) == 1 else "several", "name": protocol},
        "metrics": [
            {
                "type": metric,
                "name": f"{target} {metric}{_interval(value)}",
                "value": round(float(value["value"]), 4),
                "args": {"target": target}
                | {name: round(float(value[name]), 4) for name in ("low", "high") if _is_number(value.get(name))},
            }
            for target, metric, value in _values(result, about)
        ],
    }


def _values(result: dict[str, Any], about: BundleAbout) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Target, metric, {low, value, high} of a result, measured or published; without an interval only the value."""
    metrics = result.get("metrics")
    if isinstance(metrics, dict):
        for target, by_metric in metrics.items():
            for metric, value in by_metric.items() if isinstance(by_metric, dict) else ():
                value = value if isinstance(value, dict) else {"value": value}
                if _is_number(value.get("value")):
                    yield target, metric, value
        return
    for one in about.targets:
        if _is_number(result.get(one.name)):
            yield one.name, str(result.get("metric", "metric")).lower(), {"value": result[one.name]}


def _interval(value: dict[str, Any]) -> str:
    """
    >>> _interval({"low": 0.5, "value": 0.75, "high": 0.8}), _interval({"value": 0.75})
    (', 95% interval [0.500, 0.800]', ', no interval')
    """
    if not (_is_number(value.get("low")) and _is_number(value.get("high"))):
        return ", no interval"
    return f", 95% interval [{value['low']:.3f}, {value['high']:.3f}]"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _yaml(metadata: dict[str, Any]) -> str:
    try:
        import yaml
    except ImportError:
        raise missing_extra("pyyaml", "train", "a card for the hub") from None
    return yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=1_000)


def _without_added(card: str) -> str:
    """A card without metadata in front and without what an export has added behind."""
    if card.startswith("---\n") and "\n---\n" in card:
        card = card.partition("\n---\n")[2]
    return card.partition(MARK)[0]


def _measured(about: BundleAbout) -> str:
    lines = ["## Measured\n", "| protocol | target | metric | value |", "|---|---|---|---|"]
    for result in about.results:
        for target, metric, value in _values(result, about):
            protocol = str(result.get("protocol", "")).replace("|", "\\|")
            lines.append(f"| {protocol} | {target} | {metric} | {value['value']:.3f}{_interval(value)} |")
    return "\n".join(lines)


def _use(about: BundleAbout) -> str:
    return (
        "## Use\n\nWith Emotone, in this folder or with its path; hashes are checked, nothing in it is executed:\n\n"
        "    emotone predict talk.wav --model .\n\n"
        f'    predictor = emotone.load(".")  # {", ".join(target.name for target in about.targets)}'
    )


def _preprocessing(about: BundleAbout, bundle: Bundle) -> str:
    """What becomes of a recording before the network, and of what the network gives, so that others can do the same."""
    clip = "not clipped" if about.clip is None else f"clipped to ±{about.clip:g}"
    by = "the speaker's utterances" if about.normalises_by_speaker else "the training speech (arrays.safetensors)"
    hop = "one vector per utterance" if bundle.feature.hop_s is None else f"a frame every {bundle.feature.hop_s:g} s"
    lines = [
        "- Audio: the mean of all channels, resampled to 16 kHz (soxr, HQ), float32 in [-1, 1].",
        f"- Features: `{about.feature.name}` with {_code(about.feature.settings)}: {hop}, D = "
        f"{len(bundle.feature.names)}. Weights of an encoder are not in this folder; the settings hold their SHA-256.",
        f"- Normalised: minus mean, by standard deviation of {by}, {clip}.",
        f"- View: {_code(view_to_json(about.view))}. Recordings of more than {about.max_utterance_s:g} s are cut into "
        "windows, and the scores averaged by seconds of speech.",
    ]
    if about.text_feature is not None:
        text = about.text_feature
        lines.append(f"- Transcripts: `{text.name}` with {_code(text.settings)}, normalised likewise.")
    lines += [f"- Output `{target.name}`: {_meaning(target)}" for target in about.targets]
    if about.curves:
        lines.append("- Outputs `NAME_curve` [B, C]: the score of each chunk of an attribute NAME, scaled likewise.")
    lines.append(
        "- The metadata of `model.onnx` has all of this: `emotone:features`, `emotone:classes`, `emotone:targets` and "
        "`emotone:preprocessing`, with mean and deviation, as JSON."
    )
    return "## Preprocessing and output\n\n" + "\n".join(lines)


def _meaning(target: Target) -> str:
    """What an output says.

    >>> _meaning(Target("emotion", "category", labels=("calm", "tense")))
    'logits of calm, tense, in this order; their softmax is the probability.'
    """
    if target.range is None:
        return f"logits of {', '.join(target.labels)}, in this order; their softmax is the probability."
    scale = f"score = output * {target.std!r} + {target.mean!r}"
    return f"{scale}. {RELATIVE}" if target.is_relative else "{} on {:g}..{:g}.".format(scale, *target.range)


def _code(value: Any) -> str:
    return f"`{json.dumps(value, ensure_ascii=False)}`"
