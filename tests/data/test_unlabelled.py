"""Unlabelled speech of recipes: what is drawn, that its labels stay out, and what becomes of files that are broken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone.audio.read import Samples
from emotone.corpora.corpus import Corpus
from emotone.data.recipe import Recipe
from emotone.data.recipe_yaml import from_json
from emotone.data.selection import Selection
from emotone.data.unlabelled import add, draw_evenly
from emotone.errors import EmotoneError
from emotone.features.extractors.mel import Mel
from emotone.training.run import train_recipe

ABOUT: dict[str, Any] = {
    "name": "tones",
    "corpora": ["tones"],
    "targets": ["arousal"],
    "feature": {"name": "mel", "scale": "log", "num_mels": 8},
    "split": {"name": "leave-speakers-out", "num_folds": 4, "fold": 0},
    "system": {
        "name": "deep-emo-clusters",
        "chunk_s": 0.16,
        "num_clusters": 3,
        "hidden_std": None,
        "model_settings": {"channels": [2, 2], "embedding_size": 4},
    },
    "training": {"batch_size": 8, "epochs": 1, "learning_rate": 1e-3},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_tones: Callable[..., Corpus]) -> Path:
    """Where this module's corpora lie: `tones` and `other` of 24 tones each, `few` of 5."""
    folder = tmp_path_factory.mktemp("unlabelled")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        write_tones(folder, "tones")
        write_tones(folder, "other", seed=1)
        write_tones(folder, "few", 5, seed=2)
    return folder


@pytest.fixture(autouse=True)
def _own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTONE_CACHE", str(folder / "cache"))


def recipe(unlabelled: dict[str, Any] | None = None, **settings: Any) -> Recipe:
    return from_json({**ABOUT, "unlabelled": unlabelled or {}, **settings}, "here")


def drawn(corpora: list[str], num: int | None = None, seed: int = 0, **settings: Any) -> pd.DataFrame:
    table = Selection.read(recipe({"corpora": corpora, "num": num, "seed": seed}, **settings), quiet=True).table
    return table[table["split"] == "unlabelled"]


def copy_of(name: str, to: str, folder: Path, **columns: Any) -> Corpus:
    """A corpus under another name, with audio of its own."""
    old = Corpus.load(name)
    shutil.copytree(old.root, folder / to, dirs_exist_ok=True)
    corpus = Corpus(to, folder / to, old.utterances.assign(**columns), meta=old.meta)
    corpus.save()
    return corpus


# ---- what is drawn ----------------------------------------------------------------------------------------------


def test_all_of_it_without_a_number_and_without_any_label() -> None:
    found = drawn(["other", "few"])
    assert len(found) == 29 and found["corpus"].value_counts().to_dict() == {"other": 24, "few": 5}
    assert found[["arousal", "dominance", "valence", "emotion", "transcript"]].isna().all(axis=None)


def test_ids_carry_the_corpus_and_labelled_ones_stay_as_they_are() -> None:
    plain = Selection.read(recipe(), quiet=True).table
    table = Selection.read(recipe({"corpora": ["other"]}), quiet=True).table
    labelled, found = table[table["split"] != "unlabelled"], table[table["split"] == "unlabelled"]
    pd.testing.assert_frame_equal(labelled.reset_index(drop=True), plain)
    assert list(found["id"]) == [f"other/{number:02d}" for number in range(24)]
    assert set(found["speaker"]) == {f"other/{number}" for number in range(4)}
    assert list(found["store_id"]) == [f"{number:02d}" for number in range(24)]  # as its own corpus has it


@pytest.mark.parametrize("seed", [0, 1])
def test_smaller_draws_are_within_larger_ones_and_even_over_corpora(seed: int) -> None:
    draws = {num: set(drawn(["other", "few"], num, seed)["id"]) for num in (1, 4, 7, 10, 17, 29)}
    numbers = sorted(draws)
    assert all(draws[small] < draws[large] for small, large in zip(numbers, numbers[1:], strict=False))
    counts = {num: sum(name.startswith("few/") for name in found) for num, found in draws.items()}
    assert [counts[num] for num in (4, 10, 17, 29)] == [2, 5, 5, 5] and counts[7] in (3, 4)


def test_a_seed_is_a_draw() -> None:
    first, again, other = (set(drawn(["other"], 8, seed)["id"]) for seed in (0, 0, 1))
    assert first == again != other and len(first) == 8


def test_draws_of_thousands_nest_as_well() -> None:
    pool = pd.DataFrame({"corpus": np.random.default_rng(0).choice(["a", "b", "c"], 3000, p=[0.9, 0.09, 0.01])})
    small, large = (draw_evenly(pool, num, 3) for num in (200, 1000))
    assert set(small.index) < set(large.index) and list(large.index) == sorted(large.index)
    assert large["corpus"].value_counts()["b"] == (pool["corpus"] == "b").sum()
    shares = small["corpus"].value_counts()
    num_c = (pool["corpus"] == "c").sum()
    assert shares["c"] == num_c and abs(shares["a"] - shares["b"]) <= 1


def own_table(own_split: list[str | None]) -> tuple[pd.DataFrame, Corpus, pd.DataFrame]:
    """A corpus with a part that its owner set apart, as a recipe's table, and its scan."""
    ids = [f"u{n}" for n in range(len(own_split))]
    utterances = pd.DataFrame({"id": ids, "file": ids, "split": own_split, "arousal": 2.0})
    corpus = Corpus("mine", Path(), utterances)
    table = corpus.utterances.assign(corpus="mine", store_id=ids, utterance=ids, duration_s=1.0, content=ids)
    scan = pd.DataFrame({"duration_s": 1.0, "content": ids, "error": ""}, index=pd.Index(ids, name="id"))
    return table, corpus, scan


def test_what_an_owner_set_apart_need_not_be_named() -> None:
    table, corpus, scan = own_table(["train", "unlabelled", "unlabelled", "test", "unlabelled"])
    for unlabelled, num in (({}, 3), ({"corpora": ["mine"]}, 3), ({"corpora": ["mine"], "num": 2}, 2)):
        found, lost = add(table, recipe(unlabelled, corpora=["mine"]), {"mine": corpus}, {"mine": scan})
        is_unlabelled = found["split"] == "unlabelled"
        assert is_unlabelled.sum() == num and set(found.loc[is_unlabelled, "id"]) <= {"u1", "u2", "u4"} and not lost
        assert list(found.loc[~is_unlabelled, "id"]) == ["u0", "u3"]


def test_labelled_speech_of_the_recipe_is_not_taken_for_unlabelled() -> None:
    table, corpus, scan = own_table(["train", "test"])
    with pytest.raises(EmotoneError, match="trains on mine, none of which is set apart as unlabelled"):
        add(table, recipe({"corpora": ["mine"]}, corpora=["mine"]), {"mine": corpus}, {"mine": scan})


@pytest.mark.parametrize(
    ("unlabelled", "words"),
    [
        (
            {"corpora": ["other", "few"], "num": 30},
            "unlabelled.num must be from 1 to the 29 utterances there are, not 30",
        ),
        ({"corpora": ["few"], "num": 0}, "unlabelled.num must be from 1 to the 5 utterances there are, not 0"),
        ({"num": 3}, "unlabelled.num must be from 1 to the 0 utterances there are, not 3"),
        ({"corpora": ["othr"]}, "corpus 'othr' is not prepared"),
        ({"corpora": ["tones"]}, "trains on tones, none of which is set apart as unlabelled"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(unlabelled: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match=".") as caught:
        train_recipe(recipe(unlabelled), tmp_path / "run", quiet=True)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"system": {"name": "chunk-attention"}, "training": {"iterations": 1}}, "chunk-attention"),
        ({"system": {"name": "functionals-svm"}, "feature": "functionals"}, "functionals-svm"),
        ({"system": {"name": "curriculum-network"}, "feature": "functionals"}, "curriculum-network"),
        ({"system": {**ABOUT["system"], "num_clusters": 0}}, "deep-emo-clusters"),
    ],
)
def test_systems_that_do_not_learn_from_it_refuse_it(settings: dict[str, Any], name: str, tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match=f"system {name} .*unlabelled") as caught:
        train_recipe(recipe({"corpora": ["other"]}, **settings), tmp_path / "run", quiet=True)
    assert "\n" not in str(caught.value) and not (tmp_path / "run").exists()


# ---- runs -------------------------------------------------------------------------------------------------------


def test_labels_of_unlabelled_speech_never_reach_training(folder: Path, tmp_path: Path) -> None:
    """The same weights, bit for bit, whatever the corpus says of arousal; other weights with other speech."""
    found = {}
    for name, arousal in (("high", 7.0), ("low", 1.0), ("none", np.nan)):
        copy_of("other", "spied", folder, arousal=arousal, emotion=name)
        run = train_recipe(recipe({"corpora": ["spied"]}), tmp_path / name, quiet=True)
        found[name] = (run / "bundle" / "weights.safetensors").read_bytes()
    assert found["high"] == found["low"] == found["none"]
    less = train_recipe(recipe({"corpora": ["spied"], "num": 12}), tmp_path / "less", quiet=True)
    assert (less / "bundle" / "weights.safetensors").read_bytes() != found["none"]


def test_a_run_says_what_was_clustered(tmp_path: Path) -> None:
    run = train_recipe(recipe({"corpora": ["other"], "num": 10}), tmp_path / "run", quiet=True)
    clusters = pd.read_parquet(run / "clusters.parquet")
    assert clusters["part"].value_counts().to_dict() == {"train": 12, "unlabelled": 10, "validation": 6, "test": 6}
    assert set(clusters["network"]) == {""} and clusters["cluster"].between(0, 2).all()
    assert clusters["embedding"].map(len).unique().tolist() == [4]
    own = clusters["part"] != "unlabelled"
    assert set(clusters.loc[~own, "corpus"]) == {"other"} and clusters.loc[~own, "arousal"].isna().all()
    truth = Corpus.load("tones").utterances.set_index("id")["arousal"]
    np.testing.assert_allclose(clusters.loc[own, "arousal"], truth[clusters.loc[own, "id"]])
    split = json.loads((run / "split.json").read_text())
    assert sorted(clusters.loc[~own, "id"]) == split["unlabelled"]
    metrics = pd.read_csv(run / "metrics.csv")
    assert list(metrics) == [
        "epoch",
        "loss",
        "nmi_unlabelled",
        "clusters_unlabelled",
        "nmi_labelled",
        "clusters_labelled",
        "arousal",
    ]
    assert np.isnan(metrics["nmi_unlabelled"][0]) and metrics["clusters_unlabelled"].between(1, 3).all()


def broken(to: str, folder: Path, kinds: list[str]) -> None:
    """A copy of `other` whose first files are broken in several ways."""
    root = copy_of("other", to, folder).root
    for number, kind in enumerate(kinds):
        path = root / f"{number:02d}.wav"
        if kind == "missing":
            path.unlink()
        elif kind == "short":
            soundfile.write(path, np.full(40, 0.1), 16_000)
        else:
            path.write_bytes({"empty": b"", "text": b"no audio", "cut": path.read_bytes()[:900]}[kind])


@pytest.fixture
def _picky(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feature that the shortest files are too short for."""
    extract = Mel.__call__

    def checked(self: Mel, samples: Samples) -> Any:
        if len(samples) < 100:
            raise EmotoneError("too short")
        return extract(self, samples)

    monkeypatch.setattr(Mel, "__call__", checked)


@pytest.mark.usefixtures("_picky")
def test_broken_files_are_left_out_and_counted(folder: Path, tmp_path: Path) -> None:
    broken("damaged", folder, ["missing", "empty", "text", "cut", "short"])
    run = train_recipe(recipe({"corpora": ["damaged"]}), tmp_path / "run", quiet=True)
    left_out = json.loads((run / "test.json").read_text())["left_out"]
    assert sum(left_out.values()) == 5 and all(reason.startswith("unlabelled and ") for reason in left_out)
    assert any("00.wav" in reason for reason in left_out)
    clusters = pd.read_parquet(run / "clusters.parquet")
    used = clusters.loc[clusters["part"] == "unlabelled", "id"]
    assert sorted(used) == [f"damaged/{number:02d}" for number in range(5, 24)]


@pytest.mark.usefixtures("_picky")
@pytest.mark.parametrize(("kind", "num"), [("missing", None), ("empty", 5), ("short", None), ("short", 5)])
def test_a_folder_of_broken_files_alone_is_an_error(folder: Path, tmp_path: Path, kind: str, num: int | None) -> None:
    """Never a run that quietly is a supervised one."""
    broken(f"nothing-{kind}", folder, [kind] * 24)
    line = r"no utterance of .* can be read|from 1 to the 0 utterances there are|no unlabelled utterance has features"
    with pytest.raises(EmotoneError, match=line) as caught:
        train_recipe(recipe({"corpora": [f"nothing-{kind}"], "num": num}), tmp_path / "run", quiet=True)
    assert "\n" not in str(caught.value)


def test_fewer_unlabelled_utterances_than_clusters(tmp_path: Path) -> None:
    settings = {"system": {**ABOUT["system"], "num_clusters": 30}}
    with pytest.raises(EmotoneError, match=r"30 clusters are more than there are unlabelled chunks \(4\)"):
        train_recipe(recipe({"corpora": ["few"], "num": 1}, **settings), tmp_path / "run", quiet=True)


# ---- leaks ------------------------------------------------------------------------------------------------------


def copies_of_test(folder: Path) -> None:
    """`leaking`: `few` with, under another name, the audio of an utterance of speaker 0 of `tones`, who is tested."""
    corpus = copy_of("few", "leaking", folder)
    shutil.copy(folder / "tones" / "04.wav", corpus.root / "03.wav")


def test_test_audio_among_the_unlabelled_is_a_leak(folder: Path, tmp_path: Path) -> None:
    copies_of_test(folder)
    with pytest.raises(EmotoneError, match="the split leaks: 1 duplicate recording is in test and unlabelled"):
        train_recipe(recipe({"corpora": ["leaking"]}), tmp_path / "run", quiet=True)
    run = train_recipe(recipe({"corpora": ["leaking"]}, allow_leakage=True), tmp_path / "allowed", quiet=True)
    assert "LEAKAGE ALLOWED" in json.loads((run / "test.json").read_text())["warnings"][0]


def test_it_is_one_too_where_the_curriculum_alone_learns_from_it(
    folder: Path, tmp_path: Path, tiny_bundle: Path
) -> None:
    copies_of_test(folder)
    settings = {
        "system": {"name": "curriculum-network"},
        "feature": {"name": "scores", "bundles": [str(tiny_bundle)]},
        "curriculum": {"order": "easy-first", "score": "deep-mi", "num_levels": 2},
    }
    with pytest.raises(EmotoneError, match="the split leaks: 1 duplicate recording is in test and unlabelled"):
        train_recipe(recipe({"corpora": ["leaking"]}, **settings), tmp_path / "run", quiet=True)


def test_audio_in_training_and_among_the_unlabelled_is_none(folder: Path, tmp_path: Path) -> None:
    corpus = copy_of("few", "same", folder)
    shutil.copy(folder / "tones" / "02.wav", corpus.root / "03.wav")  # of speaker 2, who trains
    train_recipe(recipe({"corpora": ["same"]}), tmp_path / "run", quiet=True)
