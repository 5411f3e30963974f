"""The verb of rankers; what it writes: `evaluate/test_rank_corpus.py` and `training/test_given_ranks.py`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def test_what_the_verb_says(
    run: Run, write_tones: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tones(tmp_path, num_tones=12)
    ran = run("rank", "default", "tones", "--to", "ranks")
    assert ran.code == 2 and "has no scores of chunks" in ran.line
    ran = run("rank", "default", "tone", "--to", "ranks")
    assert ran.code == 2 and "did you mean 'tones'?" in ran.line
    settings = "system={name: emotion-ranker, chunk_s: 0.2, hidden_size: 4, num_pairs: 20, partners: 5}"
    Path("rankers.yaml").write_text(
        "corpora: [tones]\ntargets: [arousal]\nfeature: {name: mel, num_mels: 4}\nsystem: emotion-ranker\n"
        "split: {name: leave-speakers-out, num_folds: 4, fold: 0}\ntraining: {batch_size: 6, epochs: 1}\n"
    )
    assert run("train", "rankers.yaml", settings, "--to", "rankers", "--quiet").code == 0
    ran = run("rank", "rankers", "tones", "--to", "ranks", "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    ran = run("rank", "rankers", "tones", "--to", "ranks")
    assert ran.err.splitlines()[-1] == "ranks: 3 files; try: emotone train RECIPE system.ranks=ranks"
    assert sorted(path.name for path in Path("ranks").iterdir()) == [
        "test_Act.json",
        "train_Act.json",
        "validation_Act.json",
    ]
