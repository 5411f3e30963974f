"""Missing data: each condition against the network given what is left, and drops against their definition."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.audio.read import load_audio
from emotone.base.draws import generator
from emotone.bundle.bundle import Bundle, Scores
from emotone.bundle.view.streams import Utterance
from emotone.corpora.corpus import Corpus
from emotone.errors import EmotoneError
from emotone.evaluate.bundle_on_corpus import evaluate_model
from emotone.evaluate.degraded.missing import CURVES, choose_lost, delete_words, drop_frames, lose_bursts
from emotone.evaluate.degraded.missing_data import missing_data, score_missing
from emotone.evaluate.degraded.scoring import DegradedScores
from emotone.evaluate.numbers import metrics
from emotone.evaluate.run_folder import load_run

Build = Callable[..., Path]
ALL = ["words", "transcript", "recognised", "frames", "bursts", "audio"]


def measure(folder: Path, **settings: Any) -> DegradedScores:
    return score_missing(load_run(folder), quiet=True, **settings)


def left(bundle: Bundle, corpus: Corpus, name: str, curve: str, severity: Any) -> Utterance:
    """What is left of an utterance, from its file and transcript."""
    row = corpus.utterances.set_index("id").loc[name]
    samples, text = load_audio(corpus.path_of(row["file"])), row["transcript"]
    random, share = generator(0, name, curve), severity / 100 if isinstance(severity, float) else 1.0
    if curve == "bursts":
        samples = lose_bursts(samples, share, random)
    speech = bundle.extract(samples)
    if curve == "frames":
        speech = drop_frames(speech, share, random)
    if curve == "words":
        text = delete_words(text, share, random)
    elif curve == "transcript":
        text = ""
    elif curve == "recognised":
        text = " ".join(text.split()[1:])
    return Utterance(
        None if curve == "audio" else speech,
        bundle.text_feature(text) if text else None,
        len(text.split()) or None,
    )


def test_scores_are_those_of_what_is_left(build_run: Build, spoken: Corpus) -> None:
    folder = build_run("both")
    found = measure(folder).tables
    for curve, severity in (
        ("words", 25.0),
        ("words", 100.0),
        ("transcript", "absent"),
        ("recognised", "recognised"),
        ("frames", 75.0),
        ("bursts", 50.0),
        ("audio", "absent"),
    ):
        for fold, rows in found[curve][severity].groupby("fold"):
            bundle = Bundle.load(str(folder / f"fold-{fold}/bundle"))
            scores = [bundle.score_features([left(bundle, spoken, name, curve, severity)]) for name in rows["id"]]
            arousal, anger = zip(
                *((one.attributes["arousal"], one.probabilities["anger"]) for one in scores), strict=True
            )
            np.testing.assert_allclose(rows["predicted_arousal"], np.concatenate(arousal), atol=1e-5)
            np.testing.assert_allclose(rows["p_anger"], np.concatenate(anger), atol=1e-5)


def test_lexical_chunks_are_the_words_that_remain(build_run: Build, spoken: Corpus) -> None:
    folder = build_run("lexical", alignment="whisper", strategy="lexical")
    table = measure(folder).tables["words"][50.0].set_index("id")
    bundle, own = Bundle.load(str(folder / "fold-0/bundle")), spoken.utterances.set_index("id")
    for name in table.index[table["fold"] == 0]:
        heard = own.loc[name, "transcript"].split()[1:]
        words = [(word, 0.6 * n / len(heard), 0.6 * (n + 1) / len(heard)) for n, word in enumerate(heard)]
        lost = choose_lost(len(words), 0.5, generator(0, name, "words"))
        words = [word for word, is_lost in zip(words, lost, strict=True) if not is_lost]
        text = delete_words(own.loc[name, "transcript"], 0.5, generator(0, name, "words"))
        speech = bundle.extract(load_audio(spoken.path_of(own.loc[name, "file"])))
        scores: Scores = bundle.score_features([Utterance(speech, bundle.text_feature(text) if text else None, words)])
        assert table.loc[name, "predicted_arousal"] == pytest.approx(scores.attributes["arousal"][0], abs=1e-5)


def test_curves_have_the_form_of_robustness(build_run: Build) -> None:
    run = load_run(build_run("both", repeats=2))
    found = missing_data(run, num_utterances=5, quiet=True)
    assert list(found["curves"]) == ALL and found["num_utterances"] == 12
    assert found["metrics"] == {"emotion": "uar", "arousal": "ccc"}
    for name, curve in found["curves"].items():
        assert [point["severity"] for point in curve["points"]] == list(CURVES[name].severities)
        (clean,) = (point for point in curve["points"] if point["is_clean"])
        assert clean["metrics"]["arousal"]["change"]["value"] == 0 and clean["num_failed"] == 0
        assert curve["num_utterances"] == (5 if name == "bursts" else 12)
    each = [metrics.ccc(part["predicted_arousal"], part["true_arousal"]) for _, part in run.test.groupby("repeat")]
    words, frames = (found["curves"][name]["points"][0]["metrics"]["arousal"] for name in ("words", "frames"))
    assert words == frames and words["value"] == pytest.approx(np.mean(each))
    absent = (found["curves"]["words"]["points"][-1], found["curves"]["transcript"]["points"][-1])
    assert absent[0]["metrics"] == absent[1]["metrics"]
    json.dumps(found)


@pytest.mark.parametrize(
    ("view", "curves", "flat", "note"),
    [
        (
            {"streams": "text"},
            ["words", "recognised", "frames", "bursts", "audio"],
            ["frames", "bursts", "audio"],
            "not measured: missing transcript (the bundle takes nothing but text)",
        ),
        (
            {"streams": "speech", "alignment": "none"},
            ["words", "transcript", "recognised", "frames", "bursts"],
            ["words", "transcript", "recognised"],
            "not measured: missing audio (the bundle takes nothing but speech)",
        ),
    ],
)
def test_one_stream_alone(
    build_run: Build, view: dict[str, Any], curves: list[str], flat: list[str], note: str
) -> None:
    scores = measure(build_run("alone", **view))
    assert list(scores.tables) == curves and note in scores.notes
    for name, tables in scores.tables.items():
        same = [table.equals(tables[CURVES[name].clean]) for table in tables.values()]
        assert all(same) if name in flat else not any(same[1:])


def test_text_alone_without_a_word_is_not_scored(build_run: Build) -> None:
    found = missing_data(load_run(build_run("text", streams="text")), quiet=True)["curves"]["words"]["points"]
    assert [point["num_failed"] for point in found][0] == 0 and found[-1]["num_failed"] == 12
    assert found[-1]["metrics"] == {"emotion": None, "arousal": None}
    assert 0 < found[3]["num_failed"] < 12  # half of a single word is a word


def test_audio_alone_has_curves_of_audio(spoken: Corpus, tiny_bundle: Path) -> None:
    run = evaluate_model(str(tiny_bundle), "nemo", quiet=True)
    found = missing_data(run, quiet=True)
    assert list(found["curves"]) == ["frames", "bursts"]
    assert found["notes"] == [
        "not measured: missing words, missing transcript, recognised transcript (the bundle takes audio alone)",
        "not measured: missing audio (the bundle takes nothing but speech)",
    ]


def test_descriptors_are_those_of_whom_the_run_says(spoken: Corpus, pull_once: Callable[[str], Path]) -> None:
    folder, row = str(pull_once("chunk-attention-self")), spoken.utterances.iloc[0]
    samples = lose_bursts(load_audio(spoken.path_of(row["file"])), 0.5, generator(0, row["id"], "bursts"))
    found = {}
    for lld in ("own", "opensmile"):
        run, bundle = evaluate_model(folder, "nemo", quiet=True, lld=lld), Bundle.load(folder, lld=lld)
        table = score_missing(run, quiet=True, only=["bursts"]).tables["bursts"][50.0].set_index("id")
        found[lld] = table.loc[row["id"], "predicted_arousal"]
        expected = bundle.score_samples([samples]).attributes["arousal"][0]
        assert found[lld] == pytest.approx(1 + (expected - 1) * 4 / 6, abs=1e-5)
    assert found["own"] != found["opensmile"]


def test_without_recognition_a_note_says_so(build_run: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any, **settings: Any) -> Any:
        raise EmotoneError("transcription needs the package faster-whisper")

    folder = build_run("both")
    monkeypatch.setattr("emotone.evaluate.degraded.missing_inputs.transcribe_corpus", refuse)
    scores = measure(folder)
    assert "recognised" not in scores.tables
    assert scores.notes == ["not measured: recognised transcript (transcription needs the package faster-whisper)"]


def test_company_does_not_matter(build_run: Build) -> None:
    run = load_run(build_run("both"))
    whole = score_missing(run, quiet=True).tables
    few = score_missing(run, num_utterances=4, quiet=True).tables["bursts"]
    for severity, table in few.items():
        rows = whole["bursts"][severity].loc[table.index]
        np.testing.assert_allclose(table["predicted_arousal"], rows["predicted_arousal"], atol=1e-5)


def test_another_corpus_is_refused(build_run: Build) -> None:
    run = load_run(build_run("both"))
    with pytest.raises(EmotoneError, match="has changed since"):
        missing_data(replace(run, result=run.result | {"corpora": {"nemo": "0"}}), quiet=True)
    with pytest.raises(EmotoneError, match="is not prepared"):
        missing_data(replace(run, recipe=run.recipe | {"corpora": ["nemo9"]}), quiet=True)
