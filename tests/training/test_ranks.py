"""One training by two processes of `torchrun`: the weights of one process, written once, resumed after a kill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
import yaml
from numpy.typing import NDArray
from onnx import numpy_helper
from torchrun import torchrun

from emotone.base.processes import OVER
from emotone.data.recipe import Recipe
from emotone.errors import EmotoneError
from emotone.training import ranks as ranks_module
from emotone.training.ranks import Ranks, gathered, is_follower, make_fabric
from emotone.training.run import train_recipe

TOLERANCE = 1e-5
"""Of weights that move by about 6e-4: sums in another order, whose gradients near zero Adam makes larger."""
TRAINING = {"batch_size": 5, "iterations": 6, "validate_every": 2, "learning_rate": 1e-4}
ONE_FOLD = {"name": "leave-speakers-out", "num_folds": 4, "fold": 0}


def weights_of(run: Path) -> dict[str, NDArray[np.float64]]:
    """The trained weights of a run's bundle, by name."""
    [path] = (run / "bundle").glob("*.onnx")
    return {one.name: numpy_helper.to_array(one).astype(float) for one in onnx.load(path).graph.initializer}


def test_a_run_of_two_processes_goes_on_after_a_kill_and_is_that_of_one(
    tones_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    # Chunk attention: batch norm, dropout between LSTM layers and CCC, all of the whole batch, which has five rows.
    recipe = tones_recipe(split=ONE_FOLD, training=TRAINING)
    path, alone, together = tmp_path / "recipe.yaml", tmp_path / "alone" / "run", tmp_path / "together" / "run"
    path.write_text(yaml.safe_dump(recipe.to_json(), sort_keys=False))
    train_recipe(recipe, alone, quiet=True)

    script = Path(__file__).parents[1] / "builders" / "dies_in_training.py"
    arguments = ("train", str(path), "--to", str(together))
    died = torchrun("--max-restarts", "1", str(script), *arguments)
    assert died.returncode != 0 and died.stderr.count("dies in round 3") == 2  # started again, it got as far
    assert len(pd.read_csv(together / "metrics.csv")) == 1 and not (together / "bundle").exists()
    done = torchrun("-m", "emotone.cli.main", *arguments)
    assert done.returncode == 0, done.stderr

    ours, theirs = weights_of(alone), weights_of(together)
    assert ours.keys() == theirs.keys()
    assert max(np.abs(ours[name] - theirs[name]).max(initial=0) for name in ours) < TOLERANCE
    histories = [pd.read_csv(run / "metrics.csv") for run in (alone, together)]
    np.testing.assert_allclose(*histories, atol=TOLERANCE)
    assert (done.stdout + done.stderr).count("run: ") == 1
    files = [{str(file.relative_to(run)) for file in run.rglob("*") if file.is_file()} for run in (alone, together)]
    assert {name for name in files[0] ^ files[1] if "tfevents" not in name} == set()
    ledgers = [pd.read_parquet(run.parent / "results.parquet") for run in (alone, together)]
    assert len(ledgers[0]) == len(ledgers[1])


def test_alone_nothing_waits() -> None:
    with gathered("cpu") as ranks, ranks.first_before_others():
        assert ranks == Ranks(0, 1) and ranks.is_first and ranks.agree("here") == "here" and not is_follower()
    fabric = make_fabric("cpu", "32-true")
    assert fabric.world_size == 1 and fabric.is_global_zero


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that `torchrun` gives the second of two processes."""
    for name, value in {"RANK": 1, "WORLD_SIZE": 2, "LOCAL_RANK": 1, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "any")


@pytest.mark.usefixtures("started")
def test_more_processes_than_gpus_and_two_engines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_follower()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(EmotoneError, match="2 processes for 1 GPUs"), gathered("cuda"):
        pass
    token = OVER.set(lambda *_: iter(()))
    try:
        with pytest.raises(EmotoneError, match="leave one of them out"), gathered("cpu"):
            pass
    finally:
        OVER.reset(token)


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(("error", "line"), [("gloo: closed by peer", "start it again"), ("others", "others")])
def test_the_death_of_another_is_one_line(monkeypatch: pytest.MonkeyPatch, error: str, line: str) -> None:
    monkeypatch.setattr(ranks_module, "_connect", lambda backend: None)
    for name, value in {"get_rank": 1, "get_world_size": 2}.items():
        monkeypatch.setattr(torch.distributed, name, lambda _value=value: _value)
    with pytest.raises((EmotoneError, RuntimeError), match=line) as caught, gathered("cpu") as ranks:
        assert ranks == Ranks(1, 2) and not ranks.is_first
        raise RuntimeError(error)
    assert isinstance(caught.value, EmotoneError) == (line != "others")
