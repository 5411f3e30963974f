"""Utterances to listen to on a page: clips, as far as the audio is at hand, and what has to be said of them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pandas as pd

from emotone.audio.ogg import encode_ogg
from emotone.audio.read import RATE_HZ, load_audio
from emotone.base.page import Player
from emotone.corpora.corpus import Corpus
from emotone.errors import EmotoneError

MOST_S = 15.0
"""A clip on the page is at most so long: twenty of them stay below 2 MB."""


def locate_audio(predictions: pd.DataFrame) -> pd.DataFrame:
    """Rows of a prediction table with `file, start_s, end_s` in their corpora, as far as these are prepared here.

    A row that is not found has its own id as the file's name: the note on the players says so.
    """
    parts = []
    for name, rows in predictions.groupby("corpus"):
        places = pd.DataFrame(columns=["file", "start_s", "end_s"])
        with contextlib.suppress(EmotoneError):
            places = Corpus.load(str(name)).utterances.set_index("id")[list(places)]
        found = places.reindex(rows["own_id"]).set_axis(rows.index)
        parts.append(rows.join(found.assign(file=found["file"].fillna(rows["own_id"]))))
    return pd.concat(parts).sort_index().astype({"start_s": float, "end_s": float})


def make_players(table: pd.DataFrame) -> tuple[dict[int, Player], str]:
    """Clips by the table's index, as far as the audio is at hand, and a note on them: licences, and what is not."""
    players: dict[int, Player] = {}
    licences: dict[str, str] = {}
    failed: dict[str, list[str]] = {}
    num_cut = 0
    for name, own in table.groupby("corpus"):
        try:
            corpus = Corpus.load(str(name))
        except EmotoneError as error:
            failed[str(name)] = [str(error)] * len(own)
            continue
        for place, row in zip(own.index, own.to_dict("records"), strict=True):
            try:
                clip, is_cut = encode_clip(corpus.path_of(row["file"]), row["start_s"], row["end_s"])
            except EmotoneError as error:
                failed.setdefault(str(name), []).append(str(error))
                continue
            players[place] = Player(clip)
            licences[str(name)] = corpus.meta.get("licence") or "licence not known"
            num_cut += is_cut
    return players, " ".join([*_describe_clips(licences, num_cut), *_describe_failures(failed, len(table))])


def encode_clip(path: Path, start_s: float, end_s: float) -> tuple[bytes, bool]:
    """An utterance (NaN: from the start, to the end) as Ogg Opus, at most `MOST_S`, and whether that cut it."""
    begin_s = 0.0 if np.isnan(start_s) else start_s
    stop_s = np.inf if np.isnan(end_s) else end_s
    samples = load_audio(path, begin_s, min(stop_s, begin_s + MOST_S + 0.1))
    most = int(MOST_S * RATE_HZ)
    return encode_ogg(samples[:most], "opus"), len(samples) > most


def _describe_clips(licences: dict[str, str], num_cut: int) -> list[str]:
    if not licences:
        return []
    cut = f" ({num_cut} are longer)" if num_cut else ""
    return [
        f"The clips, at most {MOST_S:g} s each{cut}, are part of this page: mind the licence of the audio before you "
        f"pass it on. {'; '.join(f'{name}: {licence}' for name, licence in licences.items())}."
    ]


def _describe_failures(failed: dict[str, list[str]], num: int) -> list[str]:
    """How many of the utterances have no player, and of each corpus the first reason."""
    if not failed:
        return []
    reasons = [f"{len(errors)} of {name} ({errors[0]})" for name, errors in failed.items()]
    return [f"{sum(map(len, failed.values()))} of {num} utterances have no player: {'; '.join(reasons)}."]
