"""Runs on a tiny corpus of tones: everything a run leaves behind, and that testing goes through the bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone.audio.read import load_audio
from emotone.base.lock import try_lock
from emotone.bundle.bundle import Bundle
from emotone.bundle.view.view import Normaliser
from emotone.corpora.corpus import Corpus
from emotone.data.recipe import Recipe
from emotone.data.recipe_yaml import load_recipe
from emotone.errors import EmotoneError
from emotone.evaluate.bundle_on_corpus import evaluate_model
from emotone.evaluate.numbers import metrics
from emotone.evaluate.run_folder import load_run
from emotone.training.run import train_recipe

NUM_SPEAKERS = 4
QUICK = ("training.iterations=4", "training.validate_every=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's corpus, cache and runs lie."""
    return tmp_path_factory.mktemp("tones")


@pytest.fixture(scope="module", autouse=True)
def _own_cache(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        yield


@pytest.fixture(scope="module")
def tones(folder: Path) -> Corpus:
    """48 tones of 4 speakers; pitch is arousal and, above the middle, the category "high"; known to every network."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(48):
        pitch = random.uniform(200, 2000)
        time_s = np.arange(int(random.uniform(0.4, 0.8) * 16_000)) / 16_000
        file = f"{number:02d}.wav"
        soundfile.write(folder / file, 0.5 * np.sin(2 * np.pi * pitch * time_s), 16_000)
        rows.append(
            {
                "id": file[:-4],
                "file": file,
                "speaker": str(number % NUM_SPEAKERS),
                "emotion": "high" if pitch > 1100 else "low",
                "arousal": 1 + 6 * (pitch - 200) / 1800,
            }
        )
    corpus = Corpus("tones", folder, pd.DataFrame(rows), meta={"ranges": {"arousal": [1, 7]}, "licence": "CC0"})
    corpus.save()
    return corpus


@pytest.fixture
def recipe(folder: Path) -> Path:
    """A recipe that learns the tones in seconds."""
    path = folder / "tones.yaml"
    path.write_text(
        "corpora: [tones]\ntargets: [arousal, emotion]\nfeature: {name: mel, scale: log, num_mels: 16}\n"
        "split: {name: leave-speakers-out, num_folds: 4, fold: 0}\n"
        "system: {name: chunk-attention, aggregation: NonAtten, chunk_s: 0.2, hidden_size: 16}\n"
        "training: {batch_size: 16, iterations: 50, validate_every: 10, learning_rate: 1e-2}\n"
    )
    return path


@pytest.fixture
def trained(tones: Corpus, recipe: Path, folder: Path) -> Path:
    """The run of that recipe; the second use finds it finished."""
    return train_recipe(load(recipe), folder / "run", quiet=True)


def load(path: Path, *overrides: str) -> Recipe:
    return load_recipe(str(path), overrides)


def test_run_leaves_bundle_and_result(tones: Corpus, trained: Path) -> None:
    result = json.loads((trained / "test.json").read_text())
    assert result["num_utterances"] == 12 and result["num_speakers"] == 1
    assert result["metrics"]["arousal"]["ccc"]["value"] > 0.8
    assert result["metrics"]["emotion"]["uar"]["value"] > 0.8
    split = json.loads((trained / "split.json").read_text())
    speakers = tones.utterances.set_index("id")["speaker"]
    assert set(speakers[split["test"]]) == {"0"} and set(speakers[split["validation"]]) == {"1"}
    assert (trained / "metrics.csv").read_text().startswith("iteration,loss,arousal,emotion\n10,")
    assert any((trained / "tensorboard").iterdir())
    assert not (trained / "checkpoint.pt").exists()


def test_evaluate_reads_a_run_and_tests_its_bundle_on_a_corpus(trained: Path) -> None:
    run = evaluate_model(str(trained), None, quiet=True)
    assert len(run.test) == 12 and len(run.validation) == 12 and run.hash == run.result["hash"]
    assert (
        set(run.test["repeat"]) == {0}
        and set(run.test["fold"]) == {0}
        and run.test["duration_s"].between(0.4, 0.8).all()
    )
    again = evaluate_model(str(trained), "tones", quiet=True)
    assert len(again.test) == 48 and again.warnings == ["the bundle tones was trained on tones itself: this is no test"]
    both = again.test.set_index("id").loc[run.test["id"]]
    np.testing.assert_allclose(both["predicted_arousal"], run.test["predicted_arousal"], atol=1e-5)


def test_bundle_predicts_from_audio_what_the_test_had_from_the_store(tones: Corpus, trained: Path) -> None:
    table = pd.read_parquet(trained / "predictions.parquet")
    bundle = Bundle.load(str(trained))
    scores = bundle.score_samples([load_audio(tones.path_of(f"{id_}.wav")) for id_ in table["id"]])
    np.testing.assert_allclose(scores.attributes["arousal"], table["predicted_arousal"], atol=1e-5)
    np.testing.assert_allclose(scores.probabilities["high"], table["p_high"], atol=1e-5)


def test_all_folds_are_pooled_and_resumed(tones: Corpus, recipe: Path, tmp_path: Path) -> None:
    settings = (*QUICK, "split.num_folds=3", "split.fold=all", "targets=[arousal]")
    whole = train_recipe(load(recipe, *settings), tmp_path / "a", quiet=True)
    result = json.loads((whole / "test.json").read_text())
    assert result["num_utterances"] == len(tones) and result["num_speakers"] == NUM_SPEAKERS
    (whole / "fold-2" / "done.json").unlink()  # as if the run had ended before
    train_recipe(load(recipe, *settings), whole, quiet=True)
    again = json.loads((whole / "test.json").read_text())
    assert again["metrics"] == result["metrics"]


def test_folds_and_settings_over_ray_are_those_of_one_process(tones: Corpus, recipe: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from emotone.base.ray_session import over_ray

    folds = (*QUICK, "split.num_folds=3", "split.fold=all", "targets=[arousal]")
    search = ("feature={name: moments, of: mel}", "system={name: functionals-svm}", "training={}")  # of c, in one fold
    for name, settings in (("folds", folds), ("search", search)):
        train_recipe(load(recipe, *settings), tmp_path / f"{name}-here", quiet=True)
    with over_ray(2):
        for name, settings in (("folds", folds), ("search", search)):
            train_recipe(load(recipe, *settings), tmp_path / f"{name}-over", quiet=True)
    for fold in range(3):
        one, other = (
            pd.read_parquet(tmp_path / f"folds-{run}/fold-{fold}/predictions.parquet") for run in ("here", "over")
        )
        pd.testing.assert_frame_equal(one, other, rtol=1e-5)
    here, over = (json.loads((tmp_path / f"search-{run}/test.json").read_text()) for run in ("here", "over"))
    assert here["chosen"] == over["chosen"] and len(here["chosen"][0]["emotion"]["inner_folds"]) == 6
    assert here["metrics"] == over["metrics"]
    one, other = (Bundle.load(str(tmp_path / f"search-{run}")).folder / "model.onnx" for run in ("here", "over"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("targets=[arousl]", "unknown target 'arousl'; did you mean 'arousal'?"),
        ("corpora=[tone]", "corpus 'tone' is not prepared"),
        ("system.hidden_size=0", "chunk-attention: hidden_size must be at least 1, not 0"),
        ("split.fold=4", "split.fold must be from 0 to 3, or all, not 4"),
        ("split.repeats=0", "split.repeats must be at least 1"),
        ("split.validate=false", "training.best must be 'last'"),
        ("label_map={tones: {high: high, low: null}}", "emotion needs two classes or more"),
        ("split={name: everything, num_folds: null}", "training.best must be 'last'"),
    ],
)
def test_what_cannot_run_is_one_line(tones: Corpus, recipe: Path, tmp_path: Path, override: str, words: str) -> None:
    with pytest.raises(EmotoneError, match=".") as caught:
        train_recipe(load(recipe, override), tmp_path / "run", quiet=True)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_folder_holds_one_run(tones: Corpus, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text("name: other\n")
    with pytest.raises(EmotoneError, match="another recipe"):
        train_recipe(load(recipe), tmp_path / "run", quiet=True)


def test_corrected_labels_make_a_run_of_their_own(
    folder: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tones: Corpus, capsys: Any
) -> None:
    """The old one stays what it was, and what stands in a result is of its predictions."""
    monkeypatch.chdir(tmp_path)
    settings = (*QUICK, "targets=[arousal]", "corpora=[mine]")
    mine = Corpus("mine", folder, tones.utterances.copy(), meta=tones.meta)
    mine.save()
    first = train_recipe(load(recipe, *settings), quiet=True)
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    mine.utterances["arousal"] = 8 - mine.utterances["arousal"]
    mine.save()
    second = train_recipe(load(recipe, *settings))
    assert second != first and second.parent == first.parent
    assert f"note: {first}: its table of mine has changed since that run; this one goes to" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in first.rglob("*") if path.is_file()} == before
    for run in (first, second):
        truth = pd.read_parquet(run / "predictions.parquet").set_index("id")["true_arousal"]
        result = json.loads((run / "test.json").read_text())
        is_new = result["corpora"]["mine"] == mine.fingerprint
        assert is_new == (run == second)
        own = mine.utterances.set_index("id").loc[truth.index, "arousal"]
        np.testing.assert_allclose(truth, own if is_new else 8 - own)
    assert train_recipe(load(recipe, *settings), quiet=True) == second
    with pytest.raises(EmotoneError, match="its table of mine has changed since the run began; choose another --to"):
        train_recipe(load(recipe, *settings), first, quiet=True)
    assert len(pd.read_parquet("runs/results.parquet")["folder"].unique()) == 2


def test_audio_that_cannot_be_read_is_refused_before_any_feature_is_made(
    folder: Path, recipe: Path, tmp_path: Path, tones: Corpus
) -> None:
    for path in folder.glob("*.wav"):
        shutil.copy(path, tmp_path)
    (tmp_path / "05.wav").write_bytes(b"")
    torn = Corpus("torn", tmp_path, tones.utterances, meta=tones.meta)
    torn.save()
    settings = (*QUICK, "targets=[arousal]", "corpora=[torn]")
    with pytest.raises(EmotoneError, match=r"1 of 48 utterances cannot be read: .*05.wav: is empty .*bad_files=drop"):
        train_recipe(load(recipe, *settings), tmp_path / "run", quiet=True)
    assert not (folder / "cache" / "features" / "torn").exists()
    run = train_recipe(load(recipe, *settings, "bad_files=drop"), tmp_path / "run", quiet=True)
    assert list(json.loads((run / "test.json").read_text())["left_out"].values()) == [1]


def test_two_processes_do_not_train_in_one_folder(trained: Path, recipe: Path) -> None:
    with open(trained / "recipe.yaml", "rb") as file:
        assert try_lock(file.fileno())
        with pytest.raises(EmotoneError, match="run: another process is training in it"):
            train_recipe(load(recipe), trained, quiet=True)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("recipe.yaml", b"\xff", "holds a run of another recipe or other settings"),
        ("done.json", b"{", "done.json: cannot be read ("),
        ("done.json", b"{}", "done.json: cannot be read (it has no cpu_s"),
        ("predictions.parquet", b"junk", "predictions.parquet: cannot be read ("),
        ("files_read.json", b"[]", "files_read.json: cannot be read (it holds no object)"),
    ],
)
def test_junk_in_a_run_is_one_line(
    trained: Path, recipe: Path, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    (run / name).write_bytes(content)
    with pytest.raises(EmotoneError) as caught:
        train_recipe(load(recipe), run, quiet=True)
    assert words in str(caught.value) and str(run) in str(caught.value)


def test_a_leaking_split_is_refused_unless_allowed(tones: Corpus, recipe: Path, tmp_path: Path) -> None:
    ids = list(tones.utterances["id"])
    lists = tmp_path / "split.json"
    lists.write_text(json.dumps({"train": ids[:30], "validation": ids[30:40], "test": ids[40:]}))
    settings = ["split.name=given", f"split.file={lists}", "training.iterations=2", "targets=[arousal]"]
    with pytest.raises(EmotoneError, match="allow_leakage"):
        train_recipe(load(recipe, *settings), tmp_path / "a", quiet=True)
    folder = train_recipe(load(recipe, *settings, "allow_leakage=true"), tmp_path / "b", quiet=True)
    assert "LEAKAGE ALLOWED" in json.loads((folder / "test.json").read_text())["protocol"]


def test_teacher_and_augmented_copies(trained: Path, recipe: Path, tmp_path: Path) -> None:
    """Student of a bundle under augmentation: the copies train, the utterances themselves test."""
    settings = [
        f"teacher=[{trained / 'bundle'}]",
        "augmentation={voices: 2, channels: 2, seed: 1}",
        "system={name: mel-convolution, channels: [4, 4, 4], width: 16, num_blocks: 1, crop_frames: [32, 64]}",
        "training.average=0.9",
        "training.best=last",
        "training.iterations=8",
        "training.validate_every=4",
    ]
    folder = train_recipe(load(recipe, *settings), tmp_path / "student", quiet=True)
    result = json.loads((folder / "test.json").read_text())
    assert result["num_utterances"] == 12
    assert Bundle.load(str(folder)).about.training.recipe["teacher"] == [str(trained / "bundle")]


# ---- repeats, maps, normalisation per speaker, starting from a bundle -------------------------------------------


def result_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "test.json").read_text())


def test_repeats_are_averaged_and_kept_apart(tones: Corpus, recipe: Path, tmp_path: Path) -> None:
    settings = ("split.repeats=2", "split.num_folds=3", "split.fold=all")
    folder = train_recipe(load(recipe, *QUICK, *settings), tmp_path / "run", quiet=True)
    result = result_of(folder)
    assert sorted(path.parent.name for path in folder.glob("repeat-*/fold-*")) == ["repeat-0"] * 3 + ["repeat-1"] * 3
    assert result["num_utterances"] == 48 and "mean of 2 repeats" in result["protocol"]
    run = load_run(folder)
    each = [metrics.ccc(part["predicted_arousal"], part["true_arousal"]) for _, part in run.test.groupby("repeat")]
    assert result["metrics"]["arousal"]["ccc"]["value"] == pytest.approx(np.mean(each), abs=1e-12)
    assert each[0] != each[1]
    folds = result["folds"]["arousal"]["ccc"]
    assert len(folds["each"]) == 6
    assert folds["mean"] == pytest.approx(np.mean([one["value"] for one in folds["each"]]))
    assert (tmp_path / "results.parquet").is_file()


def test_labels_are_mapped_and_those_left_out_counted(tones: Corpus, recipe: Path, tmp_path: Path) -> None:
    labels = tones.utterances["emotion"].where(tones.utterances["arousal"] > 1.5, "lowest")
    third = Corpus("thirds", tones.root, tones.utterances.assign(emotion=labels), meta=tones.meta)
    third.save()
    num_lowest = int((labels == "lowest").sum())
    mapping = "label_map={thirds: {high: joy, low: grief, lowest: null}}"
    settings = ("corpora=[thirds]", "targets=[emotion]", mapping, "ranges={arousal: [0, 1]}")
    folder = train_recipe(load(recipe, *QUICK, *settings), tmp_path / "run", quiet=True)
    result = result_of(folder)
    assert num_lowest and result["left_out"] == {"no label": num_lowest} and result["classes"] == ["grief", "joy"]
    settings = ("corpora=[thirds]", "targets=[emotion]", "classes=[high, low]")
    assert result_of(train_recipe(load(recipe, *QUICK, *settings), tmp_path / "b", quiet=True))["left_out"] == {
        "emotion lowest": num_lowest
    }


def test_ranges_are_mapped_linearly(tones: Corpus, recipe: Path, tmp_path: Path) -> None:
    settings = ("targets=[arousal]", "ranges={arousal: [-1, 1]}")
    run = load_run(train_recipe(load(recipe, *QUICK, *settings), tmp_path / "run", quiet=True))
    own = tones.utterances.set_index("id")["arousal"].loc[run.test["id"]].to_numpy()
    np.testing.assert_allclose(run.test["true_arousal"], (own - 1) / 3 - 1, atol=1e-12)
    assert run.targets[0].range == (-1.0, 1.0)


def test_one_corpus_trains_and_another_tests(tones: Corpus, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    table = tones.utterances.iloc[:16].assign(emotion=lambda rows: rows["emotion"].str.upper())
    random = np.random.default_rng(1)
    for file in table["file"]:
        soundfile.write(tmp_path / "other" / file, random.normal(0, 0.1, 9_000), 16_000)
    meta = {"ranges": {"arousal": [1, 7]}, "licence": "CC0"}
    Corpus("other", tmp_path / "other", table, meta=meta).save()
    split = "split={name: cross-corpus, test: [other], num_folds: 4, fold: all}"
    settings = ("corpora=[tones, other]", split, "targets=[emotion]")
    with pytest.raises(EmotoneError, match="no training utterance has the category HIGH"):
        train_recipe(load(recipe, *QUICK, *settings), tmp_path / "a", quiet=True)
    mapped = (*settings, "label_map={other: {HIGH: high, LOW: low}}")
    run = load_run(train_recipe(load(recipe, *QUICK, *mapped), tmp_path / "b", quiet=True))
    assert set(run.test["corpus"]) == {"other"} and len(run.test) == 16 and set(run.validation["corpus"]) == {"tones"}
    same = ("corpora=[tones, copy]", split.replace("other", "copy"), "targets=[emotion]")
    Corpus("copy", tones.root, tones.utterances, meta=tones.meta).save()
    with pytest.raises(EmotoneError, match="allow_leakage"):  # the same audio under another name
        train_recipe(load(recipe, *QUICK, *same), tmp_path / "c", quiet=True)


def test_normalising_per_speaker_is_flagged_and_its_bundle_refuses_single_files(
    tones: Corpus, recipe: Path, tmp_path: Path
) -> None:
    settings = ("normalise={by: speaker, clip: null}", "targets=[arousal]")
    run = load_run(train_recipe(load(recipe, *settings), tmp_path / "run", quiet=True))
    assert any(line.startswith("transductive") for line in run.warnings) and "transductive" in run.result["protocol"]
    bundle = Bundle.load(str(run.folder))
    with pytest.raises(EmotoneError, match="normalises by speaker.*cannot score single files"):
        bundle.score_samples([np.zeros(16_000, np.float32)])
    # By hand: the test speaker's own frames standardised, then the network.
    features = [bundle.extract(load_audio(tones.path_of(f"{id_}.wav"))) for id_ in run.test["id"]]
    frames = np.concatenate(features).astype(np.float64)
    speaker = Normaliser(frames.mean(axis=0), frames.std(axis=0), clip=None)
    scores = bundle.score_features(features, [speaker] * len(features)).attributes["arousal"]
    np.testing.assert_allclose(scores, run.test["predicted_arousal"], atol=1e-4)


def test_training_may_start_from_a_bundle(tones: Corpus, trained: Path, recipe: Path, tmp_path: Path) -> None:
    start = ("init=" + str(trained / "bundle"), "training.iterations=1", "training.validate_every=1")
    with pytest.raises(
        EmotoneError, match="was itself trained on tones, so it may know the test part; set allow_leakage"
    ):
        train_recipe(load(recipe, *start), tmp_path / "a", quiet=True)
    folder = train_recipe(
        load(recipe, *start, "allow_leakage=true", "training.learning_rate=0"), tmp_path / "b", quiet=True
    )
    result, before = result_of(folder), result_of(trained)
    assert result["init"][0]["new"] == [] and result["init"][0]["taken"] > 5
    assert result["metrics"]["emotion"]["uar"]["value"] == before["metrics"]["emotion"]["uar"]["value"]
    assert any("LEAKAGE ALLOWED" in line for line in result["warnings"])
    assert "**LEAKAGE ALLOWED: the bundle" in (folder / "bundle" / "README.md").read_text()
    fresh = train_recipe(load(recipe, *start, "allow_leakage=true", "targets=[emotion]"), tmp_path / "c", quiet=True)
    assert all("arousal" not in name for name in result_of(fresh)["init"][0]["new"])
