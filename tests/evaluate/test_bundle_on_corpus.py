"""A bundle on a corpus: the scores of its own code, labels on the corpus's range, and what only one side has."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from bundle_edits import change
from rankers import correlate, shares_by_loops

from emotone.audio.read import load_audio
from emotone.bundle.bundle import Bundle
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.emotale import EmoTale
from emotone.errors import EmotoneError
from emotone.evaluate.bundle_on_corpus import evaluate_model
from emotone.evaluate.degraded.robustness import robustness
from emotone.evaluate.numbers import metrics
from emotone.evaluate.run_folder import Run, load_run
from emotone.evaluate.scores import summarise_folds
from emotone.models.published.emotion_retrieval import RANKER, SEQ2SEQ


@pytest.fixture
def tones(tmp_path: Path, write_tones: Callable[..., Corpus]) -> Corpus:
    """Tones whose categories are two of the tiny bundle's; no file of the first can be read."""
    corpus = write_tones(tmp_path, "tones", num_tones=12)
    named = {"high": "anger", "low": "sadness"}
    table = corpus.utterances.assign(emotion=corpus.utterances["emotion"].map(named))
    corpus = Corpus("tones", corpus.root, table, None, corpus.meta)
    corpus.save()
    return corpus


def test_predictions_are_those_of_the_files(tones: Corpus, tiny_bundle: Path) -> None:
    run = evaluate_model(str(tiny_bundle), "tones", quiet=True)
    bundle = Bundle.load(str(tiny_bundle))
    scores = bundle.score_samples([load_audio(tones.path_of(file)) for file in tones.utterances["file"]])
    np.testing.assert_allclose(run.test["predicted_arousal"], scores.attributes["arousal"], atol=1e-5)
    assert run.test["own_id"].tolist() == run.test["id"].tolist() == tones.utterances["id"].tolist()
    assert set(run.test["corpus"]) == {"tones"} and run.test["duration_s"].between(0.3, 0.6).all()
    assert run.is_bundle and run.folder == tiny_bundle and run.validation.empty and run.name == "tiny"
    result = run.result
    assert result["protocol"] == "tiny on all of tones" and result["num_utterances"] == 12
    assert result["corpora"] == {"tones": tones.fingerprint} and result["not_in_corpus"] == ["dominance"]
    assert [target.name for target in run.targets] == ["arousal", "valence", "emotion"]
    assert result["classes"] == ["anger", "sadness"] and (result["notes"], result["warnings"]) == ([], [])


def test_scores_are_mapped_to_the_range_of_the_corpus(tones: Corpus, tiny_bundle: Path) -> None:
    before = evaluate_model(str(tiny_bundle), "tones", quiet=True)
    narrow = tones.utterances.assign(arousal=(tones.utterances["arousal"] - 1) / 6)
    Corpus("narrow", tones.root, narrow, None, {"ranges": {"arousal": [0, 1], "valence": [1, 7]}}).save()
    run = evaluate_model(str(tiny_bundle), "narrow", quiet=True)
    assert run.result["notes"] == ["arousal mapped from (1.0, 7.0) to (0.0, 1.0)"]
    assert [target.range for target in run.targets] == [(0.0, 1.0), (1.0, 7.0), None]
    np.testing.assert_allclose(run.test["predicted_arousal"], (before.test["predicted_arousal"] - 1) / 6, atol=1e-6)
    np.testing.assert_allclose(run.test["predicted_valence"], before.test["predicted_valence"], atol=1e-6)
    expected = metrics.rmse(run.test["predicted_arousal"], narrow["arousal"])
    assert run.result["metrics"]["arousal"]["rmse"]["value"] == pytest.approx(expected)


def test_files_that_cannot_be_read_are_counted(tones: Corpus, tiny_bundle: Path) -> None:
    tones.path_of("03.wav").write_bytes(b"no audio")
    run = evaluate_model(str(tiny_bundle), "tones", quiet=True)
    assert run.result["num_failed"] == 1 and "03" not in set(run.test["id"]) and len(run.test) == 11


def test_a_bundle_without_a_corpus_is_told_to_name_one() -> None:
    with pytest.raises(EmotoneError, match="^default is a bundle; name the corpus to test it on with --corpus$"):
        evaluate_model("default", None)


def test_some_classes_alone(tones: Corpus, tiny_bundle: Path) -> None:
    table = tones.utterances.assign(emotion=["anger", "sadness", "fear"] * 4)
    Corpus("three", tones.root, table, None, tones.meta).save()
    run = evaluate_model(str(tiny_bundle), "three", quiet=True, classes="anger,fear")
    assert set(run.test["true_emotion"]) == {"anger", "fear"} and run.result["num_utterances"] == 8
    with pytest.raises(EmotoneError, match="unknown class 'sad'; did you mean 'sadness'"):
        evaluate_model(str(tiny_bundle), "three", quiet=True, classes="anger,sad")
    with pytest.raises(EmotoneError, match="name it with --corpus"):
        evaluate_model(str(tiny_bundle), None, classes="anger")


def test_a_corpus_without_its_labels_is_refused(tones: Corpus, tiny_bundle: Path) -> None:
    table = tones.utterances.drop(columns=["emotion", "arousal", "valence"])
    Corpus("plain", tones.root, table, None, {}).save()
    with pytest.raises(EmotoneError, match="corpus plain has no labels for arousal, dominance, valence, emotion"):
        evaluate_model(str(tiny_bundle), "plain", quiet=True)


@pytest.mark.parametrize("known", ["name", "fingerprint"])
def test_a_corpus_that_the_bundle_was_trained_on_is_no_test(
    tones: Corpus, tiny_bundle: Path, tmp_path: Path, known: str
) -> None:
    folder = shutil.copytree(tiny_bundle, tmp_path / "trained")
    corpora = {"tones": "other"} if known == "name" else {"old-name": tones.fingerprint}
    change(folder, lambda about: about["training"].update(corpora=corpora))
    warnings = evaluate_model(str(folder), "tones", quiet=True).warnings
    assert warnings == ["the bundle tiny was trained on tones itself: this is no test"]


def test_a_run_is_read_as_it_is(tones: Corpus, tiny_bundle: Path, tmp_path: Path) -> None:
    tested = evaluate_model(str(tiny_bundle), "tones", quiet=True)
    folder = tmp_path / "run"
    shutil.copytree(tiny_bundle, folder / "bundle")
    tested.test.drop(columns="own_id").assign(repeat=0, fold=0).to_parquet(folder / "predictions.parquet")
    result: dict[str, Any] = {"protocol": "mine", "hash": "x", **tested.result}
    for name, content in (("done.json", {}), ("test.json", result), ("recipe.yaml", {"name": "mine", "seed": 0})):
        (folder / name).write_text(json.dumps(content))
    run = evaluate_model(str(folder), None)
    assert run.name == "mine" and not run.is_bundle and run.result == result
    assert run.test["predicted_valence"].tolist() == tested.test["predicted_valence"].tolist()


# ---- published rankers and Seq2Seq on real speech ----------------------------------------------------------------


@pytest.fixture(scope="module")
def folders(pull_once: Callable[[str], Path]) -> dict[str, Path]:
    return {name: pull_once(name) for name in (RANKER, SEQ2SEQ)}


@pytest.fixture
def emotale(shared: Path) -> Corpus:
    """24 utterances of EmoTale, every 18th, prepared."""
    whole = EmoTale().read(shared / "data/emotale-da")
    few = whole.utterances.iloc[::18].head(24).reset_index(drop=True)
    corpus = Corpus("emotale", whole.root, few, None, whole.meta)
    corpus.save()
    return corpus


def as_run(tested: Run, folder: Path, num_folds: int = 2) -> Path:
    """A finished run whose folds hold the predictions of a bundle; as ranker and folds go, one and the same."""
    for number in range(num_folds):
        place = folder / f"fold-{number}"
        (place / "bundle").mkdir(parents=True)
        (place / "bundle/bundle.json").write_bytes((tested.folder / "bundle.json").read_bytes())
        (place / "done.json").write_text("{}")
        own = tested.test.iloc[number::num_folds]
        own.assign(repeat=0, fold=number).to_parquet(place / "predictions.parquet", index=False)
    (folder / "recipe.yaml").write_text(json.dumps({"name": "mine", "corpora": ["emotale"], "seed": 0}))
    (folder / "test.json").write_text(
        json.dumps(
            {
                "protocol": "mine",
                "hash": "x",
                "splits": [],
                "metrics": {},
                "corpora": {},
                "num_utterances": 1,
                "num_speakers": 1,
            }
        )
    )
    return folder


def test_a_ranker_on_a_corpus_is_one_group(
    folders: dict[str, Path], emotale: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    score_features = Bundle.score_features

    def count(bundle: Bundle, batch: list[Any], speakers: Any = None) -> Any:
        passes.append(len(batch))
        return score_features(bundle, batch, speakers)

    monkeypatch.setattr(Bundle, "score_features", count)
    tested = evaluate_model(str(folders[RANKER]), emotale.name, quiet=True)
    assert sum(passes) == 24  # one pass of the network for an utterance, not one for a pair
    curves = np.stack(tested.test["curve_arousal"].to_numpy())
    assert curves.shape == (24, 22) and curves.dtype == np.float32
    np.testing.assert_allclose(curves.mean(axis=1), tested.test["predicted_arousal"], atol=1e-5)
    assert tested.result["metrics"]["arousal"]["spearman"]["value"] == pytest.approx(
        correlate(tested.test, shares_by_loops(tested.test.assign(repeat=0, fold=0)))[0], abs=1e-12
    )
    assert tested.result["metrics"]["arousal"]["spearman"]["value"] > 0.5
    assert [fold["num_utterances"] for fold in tested.result["published_test"]["arousal"]["folds"]] == [24]

    run = load_run(as_run(tested, tmp_path / "run"))
    path = run.folder / "fold-0/predictions.parquet"
    assert str(pq.read_schema(path).field("curve_valence").type) == "list<element: float>"
    assert all(target.is_relative for target in run.targets) and len(run.test) == 24
    folds = summarise_folds(run.test, run.targets)["arousal"]["kendall"]["each"]
    own = run.test[run.test["fold"] == 1]
    assert folds[1]["value"] == pytest.approx(correlate(own, shares_by_loops(own))[1], abs=1e-12)
    with pytest.raises(EmotoneError, match=r"run: its scores of arousal, dominance, valence are relative") as caught:
        robustness(run)
    assert "\n" not in str(caught.value)


def test_curves_of_seq2seq_are_mapped_with_its_scores(folders: dict[str, Path], emotale: Corpus) -> None:
    tested = evaluate_model(str(folders[SEQ2SEQ]), emotale.name, quiet=True)
    assert "arousal mapped from (1.0, 7.0) to (1.0, 5.0)" in tested.result["notes"]
    for name in ("arousal", "dominance", "valence"):
        curves = np.stack(tested.test[f"curve_{name}"].to_numpy())
        np.testing.assert_allclose(curves.mean(axis=1), tested.test[f"predicted_{name}"], atol=1e-5)
    assert "published_test" not in tested.result and "ccc" in tested.result["metrics"]["arousal"]
