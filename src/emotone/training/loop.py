"""The loop that all systems share: devices, precision, validation, best weights, checkpoints that resume exactly.

What is done in a round (an iteration, or an epoch) is the system's `emotone.training.learners.learner`. A checkpoint
holds weights, the learner's state, best weights so far, the history and all random states; which rows a batch takes
follows from the seed and the round alone. A run that was killed and resumed therefore gives, on the same machine, the
same numbers as one that was not.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from emotone.base.files import replace_file
from emotone.base.progress import track
from emotone.data.recipe import Training
from emotone.errors import EmotoneError
from emotone.models.side_by_side import networks_of
from emotone.models.torch_file import READ_ERRORS
from emotone.training.examples import Examples, outputs_of, predict_outputs
from emotone.training.learners.learner import Learner, Lesson
from emotone.training.ranks import make_fabric
from emotone.training.system import Scorer, System


@dataclass
class Best:
    """The best validation score of one part of the network, its weights, and after which round it was."""

    score: float
    round: int
    weights: dict[str, Tensor]


@dataclass(frozen=True)
class Validation:
    """The validation examples, and the scores of a network's outputs for them, which decide the best weights."""

    examples: Examples
    scorer: Scorer


def fit(
    system: System,
    network: nn.Module,
    lesson: Lesson,
    validation: Validation | None = None,
    device: str = "cpu",
    quiet: bool = False,
) -> tuple[nn.Module, list[dict[str, float]]]:
    """Train a network and return it with its best weights, and the history (one dict per validation).

    Networks side by side (`SeparateNetworks`) are each kept at their own best. The lesson's folder gets `metrics.csv`,
    TensorBoard events and `checkpoint.pt`, from which an interrupted call goes on. Nothing to validate needs
    `best: last`. Of several processes (`emotone.training.ranks`) the first validates and writes; it alone has the best
    weights in the end, and the history.
    """
    settings, folder = lesson.settings, lesson.folder
    if validation is None and settings.best != "last":
        raise EmotoneError(f"nothing is validated, so training.best must be 'last', not {settings.best!r}")
    fabric = make_fabric(device, settings.precision)
    fabric.launch()
    learner = system.learner(fabric, network, lesson)
    state = _State(network, learner, settings)
    state.load(folder / "checkpoint.pt", fabric.device)
    fabric.barrier()  # before the first process replaces what another has not read
    events = _Events(folder, state.round) if fabric.is_global_zero else None
    if state.average is not None:
        state.average.to(fabric.device)
    losses: list[Tensor] = []
    text = f"train {folder.name}"
    for number in track(range(state.round, settings.rounds), settings.rounds, text, quiet, done=state.round):
        for loss in learner.round(number):
            losses.append(loss)
            state.step()
        state.round += 1
        if state.round % settings.validate_rounds == 0 or state.round == settings.rounds:
            if fabric.is_global_zero:
                tested = network if state.average is None else state.average.module
                scores = {} if validation is None else _validate(system, tested, validation, lesson, fabric.device)
                state.record(tested, scores, {"loss": torch.stack(losses).mean().item(), **learner.measures()})
                # The checkpoint last: what a killed run had not written before it, the next one writes again.
                _write_history(folder / "metrics.csv", state.history)
                if events is not None:
                    events.add(state.history[-1])
                state.save(folder / "checkpoint.pt")
            losses.clear()
            fabric.barrier()
    if events is not None:
        events.close()
    if fabric.is_global_zero:
        state.restore_best(network)
    return network.cpu().eval(), state.history


def _validate(
    system: System, model: nn.Module, validation: Validation, lesson: Lesson, device: Any
) -> dict[str, float]:
    """A score per target: the metric over the whole validation split or, as published, minus the mean batch loss."""
    examples, settings = validation.examples, lesson.settings
    if settings.best != "published-loss":
        return validation.scorer(predict_outputs(model, examples, settings.batch_size, device))
    model.eval()
    losses: dict[str, list[float]] = {}
    order = np.random.default_rng(lesson.seed).permutation(len(examples))
    with torch.inference_mode():
        for start in range(0, len(order), settings.batch_size):
            inputs, labels = examples.batch(order[start : start + settings.batch_size])
            for name, output in outputs_of(model, inputs.to(device)).items():
                losses.setdefault(name, []).append(system.loss({name: output.cpu()}, labels).item())
    return {name: -float(np.mean(values)) for name, values in losses.items()}


def parts_of(network: nn.Module) -> dict[str, tuple[nn.Module, str | None]]:
    """Parts whose best weights are kept separately, by name: (module, target that decides; None: the mean of all)."""
    return {name: (part, name or None) for name, part in networks_of(network).items()}


class _State:
    """Everything that a resumed run needs: weights, learner, moving average, history and best weights so far."""

    def __init__(self, network: nn.Module, learner: Learner, settings: Training) -> None:
        self.network, self.learner, self.settings = network, learner, settings
        self.average = None
        if settings.average is not None:
            average = torch.optim.swa_utils.get_ema_multi_avg_fn(settings.average)
            self.average = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=average, use_buffers=True)
        self.averages = False
        self.round = 0
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Best] = {}

    def step(self) -> None:
        """Update the moving average after a step; it begins after a quarter of the rounds, without the first steps."""
        if self.average is None:
            return
        if not self.averages and self.round + 1 >= self._first_averaged:
            self.average.module.load_state_dict(self.network.state_dict())
            self.averages = True
        self.average.update_parameters(self.network)

    @property
    def _first_averaged(self) -> int:
        return max(1, self.settings.rounds // 4)

    def record(self, network: nn.Module, scores: dict[str, float], more: dict[str, float]) -> None:
        """Add a validation to the history; keep the weights of every part whose score is its best (NaN never is)."""
        unit = "iteration" if self.settings.epochs is None else "epoch"
        self.history.append({unit: self.round, **more, **scores})
        for part, (module, target) in parts_of(network).items():
            score = float(np.mean(list(scores.values()) or [0.0])) if target is None else scores.get(target, 0.0)
            old = self.best.get(part)
            if old is None or self.settings.best == "last" or score > old.score or np.isnan(old.score):
                weights = {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}
                self.best[part] = Best(score, self.round, weights)

    def save(self, path: Path) -> None:
        about = {
            "round": self.round,
            "network": self.network.state_dict(),
            "learner": self.learner.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "history": self.history,
            "best": {part: vars(best) for part, best in self.best.items()},
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        content = io.BytesIO()  # torch would not say why it cannot write, as of a full disk
        torch.save(about, content)
        with replace_file(path) as temporary:
            temporary.write_bytes(content.getbuffer())

    def load(self, path: Path, device: torch.device) -> None:
        """Go on from a checkpoint, if there is one; it is read as data only, no code of it runs."""
        if not path.is_file():
            return
        try:
            self._go_on(torch.load(path, map_location="cpu", weights_only=True), device)
        except READ_ERRORS as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise EmotoneError(f"{path}: no checkpoint of this run ({reason}); remove it to begin anew") from None

    def _go_on(self, about: dict[str, Any], device: torch.device) -> None:
        self.network.load_state_dict(about["network"])
        self.learner.load_state_dict(about["learner"])
        if self.average is not None:
            self.average.load_state_dict(about["average"])
        self.round, self.history = about["round"], about["history"]
        self.averages = self.round >= self._first_averaged
        self.best = {part: Best(**best) for part, best in about["best"].items()}
        torch.set_rng_state(about["random"])
        if about["random_cuda"] and device.type == "cuda":  # all processes draw what the first one draws on its GPU
            torch.cuda.set_rng_state(about["random_cuda"][0], device)

    def restore_best(self, network: nn.Module) -> None:
        for part, (module, _) in parts_of(network).items():
            module.load_state_dict(self.best[part].weights)


class _Events:
    """TensorBoard events; a resumed run replaces what came after its checkpoint."""

    def __init__(self, folder: Path, done: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1 if done else None)

    def add(self, row: dict[str, float]) -> None:
        for name, value in row.items():
            if name not in ("iteration", "epoch"):
                self._writer.add_scalar(name, value, int(next(iter(row.values()))))

    def close(self) -> None:
        self._writer.close()


def _write_history(path: Path, history: list[dict[str, float]]) -> None:
    with replace_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
