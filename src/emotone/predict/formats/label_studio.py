"""Tasks to import into Label Studio: a task per recording, with a region per row as its prediction.

A region has the labels as `labels`, the attributes as `number` and who is heard as `textarea`, each under the name of
its column; docs/formats.md has the labelling interface that goes with it. Source: Label Studio's documentation, "Import
pre-annotated data".
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emotone.predict.formats.segments import Recording, Segment

AUDIO = "audio"
"""The name of the recording, in tasks and in the labelling interface."""


def write_tasks(path: Path, recordings: Iterable[Recording], model: str) -> None:
    """A JSON list of tasks; a recording that failed is one without predictions, and with its error."""
    with open(path, "w", encoding="ascii", newline="\n") as file:
        file.write("[")
        for number, recording in enumerate(recordings):
            file.write(",\n " if number else "\n ")
            file.write(json.dumps(task(recording, model), allow_nan=False))
        file.write("\n]\n")


def task(recording: Recording, model: str) -> dict[str, Any]:
    """One task; the score of its prediction is the mean probability of the labels.

    >>> piece = Segment(0.0, 1.5, "", {"emotion": ("calm", 0.75)}, {"arousal": 3.5})
    >>> [labels, number] = task(Recording("a.wav", 2.0, [piece]), "default")["predictions"][0]["result"]
    >>> labels["value"], number["value"]["number"]
    ({'start': 0.0, 'end': 1.5, 'channel': 0, 'labels': ['calm']}, 3.5)
    """
    data = {AUDIO: recording.file} | ({"error": recording.error} if recording.error else {})
    if recording.error:
        return {"data": data}
    results = [
        result
        for number, segment in enumerate(recording.segments, start=1)
        for result in _results(segment, f"emotone-{number}", recording.duration_s)
    ]
    prediction: dict[str, Any] = {"model_version": model, "result": results}
    sure = [probability for segment in recording.segments for _, probability in segment.labels.values()]
    if sure:
        prediction["score"] = round(sum(sure) / len(sure), 6)
    return {"data": data, "predictions": [prediction]}


def _results(segment: Segment, region: str, duration_s: float) -> list[dict[str, Any]]:
    """What is said of a region: the parts share its id and times."""
    place = {"start": segment.start_s, "end": segment.end_s, "channel": max(0, segment.channel - 1)}
    about = {"id": region, "to_name": AUDIO, "original_length": duration_s}
    found: list[dict[str, Any]] = []
    for target, (label, probability) in segment.labels.items():
        value = place | {"labels": [label]}
        found.append(about | {"from_name": target, "type": "labels", "value": value, "score": probability})
    for name, number in segment.scores.items():
        found.append(about | {"from_name": name, "type": "number", "value": place | {"number": number}})
    for name, text in (("speaker", segment.who), ("note", segment.note)):
        if text:
            found.append(about | {"from_name": name, "type": "textarea", "value": place | {"text": [text]}})
    return found
