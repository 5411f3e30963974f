"""What decided, in the report of a run or of a bundle on a corpus: where in a spectrogram a network sees its class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.base import figure, plugins
from emotone.base.figure import plain
from emotone.base.page import Section
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.bundle.view import view as views
from emotone.corpora.corpus import Corpus
from emotone.errors import EmotoneError
from emotone.evaluate.prediction_table import first_fold, shares_of
from emotone.evaluate.report.clips import locate_audio, make_players
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.run_folder import Run, bundles_of

SYSTEM = "spectrogram-image"
NUM_WRONG = 4
TITLE = "What decided"
WITH_MAPS = "Networks with a map: alexnet-gap, resnet18."
TEXT = (
    "Spectrograms of test utterances{}: of every class the surest right one, then the surest wrong "
    "ones. Red: what speaks for the chosen class rather than for the others (class activation maps, Zhou et al., "
    "2016), the more the stronger, on one scale for all pictures; blue: what speaks against it. The maps are coarse, "
    "and a place on them sees far around itself. The rest of a last segment, which is filled up, is not shown; it may "
    "speak too."
)


class Activation(NamedTuple):
    """A spectrogram [bins, T] in dB and the map [h, w] over it; rows of the map go down from the highest bin.

    The map is `map_s` long, which is more than the spectrogram where segments were filled up.
    """

    title: str
    decibels: NDArray[np.float32]
    activation: NDArray[np.float32]
    bins_hz: NDArray[np.float64]
    hop_s: float
    map_s: float


def section(evaluated: Evaluated) -> Part:
    """Spectrograms of a few test utterances under the map of the class they were taken for; none of other systems."""
    run = evaluated.run
    system = _system_of(run)
    target = run.targets[0]
    if system is None or f"true_{target.name}" not in run.test:
        return Part()
    if not system.has_maps:
        text = f"{system.network} mixes all places of a picture, so it has no map of them. {WITH_MAPS}"
        return Part(sections=[Section(TITLE, text)])
    shown = choose_surest(run.test.assign(bundle=bundles_of(run)), target)
    return Part(sections=[_section(run, system, locate_audio(shown))] if len(shown) else [])


def _system_of(run: Run) -> Any:
    """The run's system, if it is one whose networks may have maps, else None."""
    recipe = Bundle.load(str(run.folder)).about.training.recipe if run.is_bundle else run.recipe
    chosen = recipe.get("system", {})
    if chosen.get("name") != SYSTEM:
        return None
    settings = {key: value for key, value in chosen.items() if key not in ("name", "weights")}  # it starts trained
    return plugins.create("systems", SYSTEM, settings)


def _section(run: Run, system: Any, shown: pd.DataFrame) -> Section:
    bundle = Bundle.load(shown["bundle"].iloc[0])
    network = _load_network(system, bundle)
    panels, failed = {}, []
    for place, row in shown.iterrows():
        try:
            panels[place] = _draw(bundle, network, row)
        except EmotoneError as error:
            failed.append(str(error))
    players, note = make_players(shown)
    rows = [
        {
            "": place + 1,
            "utterance": row["id"],
            "speaker": row["speaker"],
            "truth": row["truth"],
            "predicted": row["predicted"],
            "probability": row["confidence"],
            "listen": players.get(place),
        }
        for place, row in shown.iterrows()
    ]
    if failed:
        note = f"{len(failed)} of {len(shown)} utterances have no picture ({failed[0]}). {note}"
    picture = plot_activations(list(panels.values()), [place + 1 for place in panels]) if panels else ""
    return Section(TITLE, TEXT.format("" if run.is_bundle else " of the first fold"), rows, picture, note)


def choose_surest(predictions: pd.DataFrame, target: Target, num_wrong: int = NUM_WRONG) -> pd.DataFrame:
    """Of the first fold the right prediction of each class with most confidence, then the `num_wrong` wrong ones.

    Added are `truth` and `predicted`, the classes, and `confidence`, the probability of the predicted one.
    """
    labels, truth = list(target.labels), predictions[f"true_{target.name}"]
    known = first_fold(predictions.assign(truth=truth)[truth.isin(labels)])
    shares = shares_of(known, target, labels)
    known = known.assign(predicted=np.array(labels)[shares.argmax(axis=1)], confidence=shares.max(axis=1))
    known = known.sort_values(["confidence", "id"], ascending=[False, True])
    is_right = known["predicted"] == known["truth"]
    right = known[is_right].drop_duplicates("truth").sort_values("truth")
    return pd.concat([right, known[~is_right].head(num_wrong)], ignore_index=True)


def activation_of(network: Any, bundle: Bundle, features: NDArray[np.float32], place: int) -> NDArray[np.float32]:
    """How much each region of an utterance [T, D] speaks for one class rather than the mean of all: [h, S * w].

    The network's map per class of each segment, side by side; rows from the highest frequency down. The mean of all
    regions is the class's mean logit above that of all classes.
    """
    import torch

    assert isinstance(bundle.view, views.Segments)
    segments = views.apply(bundle.view, features, bundle.normaliser)
    with torch.inference_mode():
        maps = network.activation(torch.from_numpy(segments))  # [S, K, h, w]
        own = maps[:, place] - maps.mean(dim=1)
    return np.concatenate(list(own.numpy()), axis=1)


def _load_network(system: Any, bundle: Bundle) -> Any:
    """The bundle's network as torch has it, whose inner maps can be asked for."""
    from emotone.models.export import load_weights

    network = system.build(len(bundle.feature.names), bundle.targets, bundle.view)
    load_weights(network, bundle.folder)
    return network.eval()


def _draw(bundle: Bundle, network: Any, row: pd.Series[Any]) -> Activation:
    """What one panel shows; raises EmotoneError where the audio is not at hand."""
    path = Corpus.load(str(row["corpus"])).path_of(row["file"])
    begin_s, end_s = (None if pd.isna(row[name]) else float(row[name]) for name in ("start_s", "end_s"))
    features = bundle.extract(load_audio(path, begin_s or 0.0, end_s))
    name = str(row["predicted"])
    own = activation_of(network, bundle, features, bundle.targets[0].labels.index(name))
    assert isinstance(bundle.view, views.Segments)
    num_bins = features.shape[1] // bundle.view.num_channels
    bins_hz = getattr(bundle.feature, "bins_hz", np.arange(num_bins))
    hop_s = bundle.feature.hop_s
    shown_s = bundle.view.count(len(features)) * bundle.view.segment_frames * hop_s
    title = name if name == row["truth"] else f"{row['truth']}, taken for {name}"
    return Activation(title, features[:, :num_bins].T, own, bins_hz, hop_s, shown_s)


def plot_activations(every: Sequence[Activation], numbers: Sequence[int]) -> str:
    """Spectrograms in grey under maps, red where something speaks for the class and blue where against it."""
    num_columns = min(len(every), 2)
    picture, panels = figure.panels(len(every), num_columns, figure.WIDTH_IN, 2.4 * -(-len(every) // num_columns))
    strongest = max(float(np.abs(one.activation).max()) for one in every)
    for axes, one, number in zip(panels, every, numbers, strict=True):
        num_bins, num_frames = one.decibels.shape
        duration_s = num_frames * one.hop_s
        place = (0, duration_s, 0, num_bins)
        axes.imshow(one.decibels, cmap="Greys", origin="lower", aspect="auto", extent=place, vmin=-80, vmax=0)
        axes.imshow(
            one.activation,
            cmap="RdBu_r",
            aspect="auto",
            extent=(0, one.map_s, 0, num_bins),
            interpolation="bilinear",
            vmin=-strongest,
            vmax=strongest,
            alpha=0.65 * np.sqrt(np.abs(one.activation) / strongest),
        )
        ticks_hz = np.arange(0, one.bins_hz[-1] + 1, 1000 if one.bins_hz[-1] > 1500 else 250)
        places = np.interp(ticks_hz, one.bins_hz, np.arange(num_bins) + 0.5)
        axes.set_yticks(places, [f"{tick / 1000:g}" for tick in ticks_hz])
        axes.set(xlim=(0, duration_s), ylim=(0, num_bins), xlabel="seconds", ylabel="kHz")
        axes.grid(visible=False)
        axes.set_title(plain(f"{number}: {one.title}"), fontsize=10, loc="left")
    return figure.svg(picture)
