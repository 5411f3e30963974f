"""A published model on the official test sets, and what a bundle was trained on against what it is tested on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone.bundle.about import Provenance
from emotone.cli.main import main
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.msp_podcast import MspPodcast
from emotone.errors import EmotoneError
from emotone.evaluate.bundle_on_corpus import evaluate_model
from emotone.evaluate.report.report import build_report
from emotone.evaluate.trained_on import default_part, training_notes, training_warnings

PARTS = ("Train", "Validation", "Test1", "Test1", "Test2", "Test2")
PUBLISHED = Provenance(corpus="MSP-Podcast 1.6", parts=["train", "validation"])


@pytest.fixture
def podcast(tmp_path: Path) -> Corpus:
    """A release of MSP-Podcast in the official layout: two segments of each test set, a speaker each."""
    (tmp_path / "podcast" / "Audios").mkdir(parents=True)
    (tmp_path / "podcast" / "Labels").mkdir()
    rows = ["FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"]
    random = np.random.default_rng(0)
    for number, part in enumerate(PARTS):
        name = f"MSP-PODCAST_0001_{number:04}.wav"
        tone = np.sin(np.arange(24_000) / (7 + number)) / 3 + random.normal(0, 0.02, 24_000)
        soundfile.write(tmp_path / "podcast" / "Audios" / name, tone, 16_000)
        rows.append(f"{name},N,{2 + number / 2},{6 - number / 2},4.{number},{number},Male,{part}")
    (tmp_path / "podcast" / "Labels" / "labels_consensus.csv").write_text("\n".join(rows) + "\n")
    corpus = MspPodcast().read(tmp_path / "podcast")
    corpus.save()
    return corpus


def test_a_published_model_on_each_official_part(
    podcast: Corpus, pulled: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """`emotone evaluate chunk-attention-rnn --corpus msp-podcast [--part ..]`: the test part, and others by name."""
    model = str(pulled["chunk-attention-rnn"])
    assert main(["evaluate", model, "--corpus", "msp-podcast", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("chunk-attention-rnn on test of msp-podcast: 2 utterances, 2 speakers")
    assert "WARNING" not in printed.err and "trained on MSP-Podcast 1.6; in another release" in printed.err
    for part, num in (("test1", 2), ("test2", 2), ("validation", 1), ("train", 1), ("all", 6)):
        run = evaluate_model(model, "msp-podcast", quiet=True, part=part)
        assert run.result["num_utterances"] == num and bool(run.warnings) == (part in ("validation", "train", "all"))
        name = {"all": "all of"}.get(part, f"{part} of")
        assert run.result["protocol"] == f"chunk-attention-rnn on {name} msp-podcast"
    assert main(["evaluate", model, "--corpus", "msp-podcast", "--part", "all", "--quiet"]) == 0
    first, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith(
        "WARNING: the bundle chunk-attention-rnn was trained on parts of MSP-Podcast 1.6 (train and"
    )
    _, page = build_report(run)
    assert page.index("this is no test") < page.index("Overview")
    with pytest.raises(EmotoneError, match="unknown part 'tst'; did you mean"):
        evaluate_model(model, "msp-podcast", quiet=True, part="tst")
    with pytest.raises(EmotoneError, match="--part chooses among the utterances of a corpus"):
        evaluate_model(model, None, part="test")


def test_the_part_that_is_tested_by_default(
    podcast: Corpus, write_tones: Callable[..., Corpus], tmp_path: Path
) -> None:
    assert default_part(podcast) == "test" and default_part(write_tones(tmp_path, "plain")) == "all"


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("train", "it was trained on train of MSP-Podcast 1.6: this is no test"),
        ("validation", "its weights were chosen by validation of MSP-Podcast 1.6"),
        ("all", "was trained on parts of MSP-Podcast 1.6 (train and validation), all are tested"),
        ("test", ""),
        ("test2", ""),
    ],
)
def test_published_bundles_know_their_parts(podcast: Corpus, part: str, words: str) -> None:
    lines = training_warnings("x", PUBLISHED, podcast, part)
    assert len(lines) == bool(words) and words in "".join(lines)
    assert bool(training_notes(PUBLISHED, podcast, part)) == (part not in ("train", "all"))
    podcast.meta.pop("reader")  # as of a corpus that was prepared before this was kept
    assert training_warnings("x", PUBLISHED, podcast, part) == lines
    assert training_warnings("x", Provenance(corpus="IEMOCAP"), podcast, part) == []


def test_a_recipe_with_the_official_split_knows_no_test_part(podcast: Corpus) -> None:
    corpora = {"msp-podcast": podcast.fingerprint}
    official = Provenance(recipe={"split": {"name": "official"}}, corpora=corpora)
    assert training_warnings("x", official, podcast, "test") == training_warnings("x", official, podcast, "test2") == []
    assert "it was trained on train of msp-podcast" in training_warnings("x", official, podcast, "train")[0]
    other = Provenance(recipe={"split": {"name": "leave-speakers-out"}}, corpora=corpora)
    for part in ("test", "all"):
        assert training_warnings("x", other, podcast, part) == [
            "the bundle x was trained on msp-podcast itself: this is no test"
        ]


def test_further_test_sets_are_of_no_recipe(podcast: Corpus) -> None:
    from emotone.data.recipe_yaml import from_json
    from emotone.data.selection import Selection

    about = {
        "name": "mine",
        "corpora": ["msp-podcast"],
        "targets": ["arousal"],
        "feature": "mel",
        "system": "chunk-attention",
    }
    found = Selection.read(from_json(about, "here"), quiet=True)
    assert len(found.table) == 4 and [len(part) for part in (found.folds()[0].train, found.folds()[0].test)] == [1, 2]


@pytest.mark.parametrize("name", ["deep-emo-clusters", "chunk-attention-rnn"])
def test_a_folder_of_audio_to_a_table_by_published_models_on_the_official_layout(
    podcast: Corpus, pull_once: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    """`emotone predict Audios --output scores.csv` has the scores that an evaluation of the corpus rests on."""
    model, output = str(pull_once(name)), tmp_path / "scores.csv"
    assert main(["predict", str(podcast.path_of("Audios")), "--model", model, "--output", str(output), "--quiet"]) == 0
    scores = pd.read_csv(output)
    scores.index = pd.Index([Path(file).stem for file in scores["file"]])
    tested = evaluate_model(model, "msp-podcast", quiet=True, part="all").test
    assert len(scores) == len(tested) == len(PARTS)
    for target in ("arousal", "dominance", "valence"):
        found = scores.loc[[Path(one).stem for one in tested["own_id"]], target]
        assert found.between(0, 8).all() and found.nunique() == len(PARTS)
        np.testing.assert_allclose(found, tested[f"predicted_{target}"], atol=2e-5, rtol=0)
