"""Rank sequences of a corpus by the published ranker: those of the reference; the parts of corpora."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotone.corpora.corpus import Corpus
from emotone.data.labels.rank_files import read_ranks
from emotone.errors import EmotoneError
from emotone.evaluate.bundle_on_corpus import evaluate_model
from emotone.evaluate.rank_corpus import _places, rank_corpus

GOLDEN = ("03a01Fa", "08a07Ta", "2609-156975-0000")
SHORT = {"arousal": "Act", "dominance": "Dom", "valence": "Val"}


@pytest.fixture
def corpus(shared: Path) -> Corpus:
    """Three utterances with reference outputs, in the parts test, test and none, and one that is set apart."""
    files = [str(np.load(shared / f"golden/systems/{name}.npz")["audio"]) for name in GOLDEN]
    files.append(files[0].replace(GOLDEN[0], "03a01Nc"))
    table = pd.DataFrame({"id": files, "file": files, "speaker": "s", "split": ["test", "test", None, "unlabelled"]})
    return Corpus("golden", shared, table.assign(arousal=[6.0, 3.0, 2.0, 4.0]), None, {"ranges": {"arousal": [1, 7]}})


def test_the_published_ranker_ranks_as_published(
    shared: Path, corpus: Corpus, pull_once: Callable[[str], Path], tmp_path: Path
) -> None:
    paths = rank_corpus(str(pull_once("emotion-ranker")), corpus, tmp_path / "ranks", quiet=True)
    parts = {"test": GOLDEN[:2], "all": GOLDEN[2:]}
    expected = {f"{part}_{short}.json" for part in parts for short in SHORT.values()}
    assert {path.name for path in paths} == {path.name for path in (tmp_path / "ranks").iterdir()} == expected
    for part, names in parts.items():
        for short in SHORT.values():
            found = read_ranks(tmp_path / "ranks" / f"{part}_{short}.json")
            assert {name.split(".")[0] for name in found} == set(names)
            for name, ranks in found.items():
                golden = np.load(shared / f"golden/systems/{name.split('.')[0]}.npz")
                np.testing.assert_array_equal(ranks, golden[f"ranker__{short}__rank"])


def test_a_bundle_without_scores_of_chunks_is_refused(corpus: Corpus, tiny_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match="bundle tiny has no scores of chunks; take a ranker's"):
        rank_corpus(str(tiny_bundle), corpus, tmp_path, quiet=True)


def test_the_published_ranker_is_tested_as_published(
    shared: Path, pull_once: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """As `emotone evaluate emotion-ranker --corpus NAME` does: 10 random tenths, by votes of chunks."""
    from emotone.evaluate.result_text import print_result

    files = sorted(path.relative_to(shared).as_posix() for path in (shared / "data/emodb").rglob("03*.flac"))[:24]
    table = pd.DataFrame({"id": files, "file": files, "speaker": "03"})
    table["arousal"] = [6.0 if Path(file).stem[5] in "WAF" else 2.0 + n / 100 for n, file in enumerate(files)]
    Corpus("acted", shared, table, None, {"ranges": {"arousal": [1, 7]}}).save()
    run = evaluate_model(str(pull_once("emotion-ranker")), "acted", quiet=True)
    test = run.result["published_test"]["arousal"]
    assert (test["num_parts"], test["share"], test["folds"][0]["num_utterances"]) == (10, 0.1, 24)
    assert run.result["metrics"]["arousal"]["spearman"]["value"] > 0.5
    print_result(run)
    assert "published test (10 random 10% of each fold): Spearman" in capsys.readouterr().out


def test_every_fold_of_a_run_ranks_into_a_folder_of_its_own(tmp_path: Path) -> None:
    assert _places("emotion-ranker") == [("emotion-ranker", "")]
    folds = ["", "fold-0", "repeat-0/fold-10", "repeat-0/fold-2"]
    for run, places in (("one", folds[:1]), ("many", folds[1:])):
        for place in places:
            (tmp_path / run / place).mkdir(parents=True)
            (tmp_path / run / place / "done.json").touch()
        (tmp_path / run / "recipe.yaml").touch()
    assert _places(str(tmp_path / "one")) == [(str(tmp_path / "one"), "")]
    expected = ["fold-0", "repeat-0/fold-2", "repeat-0/fold-10"]
    assert sorted(_places(str(tmp_path / "many"))) == sorted((str(tmp_path / "many" / one), one) for one in expected)
    (tmp_path / "many" / "fold-0" / "done.json").unlink()
    with pytest.raises(EmotoneError, match="fold-0: not finished"):
        _places(str(tmp_path / "many"))
