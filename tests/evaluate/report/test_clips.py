"""Clips of a page: of the right file and the right part of it, no longer than they may be."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone.corpora.corpus import Corpus
from emotone.evaluate.report.clips import encode_clip, locate_audio, make_players


def test_clips_are_cut_to_length(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    tone = 0.5 * np.sin(2 * np.pi * np.repeat([200, 1000], [8000 * 10, 8000 * 10]) * np.arange(8000 * 20) / 8000)
    soundfile.write(path, tone, 8000)
    whole, is_cut = encode_clip(path, np.nan, np.nan)
    assert is_cut and soundfile.info(io.BytesIO(whole)).duration == 15
    part, is_cut = encode_clip(path, 11.0, 13.0)
    samples, rate_hz = soundfile.read(io.BytesIO(part))
    assert not is_cut and len(samples) / rate_hz == 2
    assert np.abs(np.fft.rfft(samples)).argmax() / 2 == pytest.approx(1000, abs=1)
    assert not encode_clip(path, 5.0, np.nan)[1]


def test_utterances_are_found_by_the_ids_of_their_corpora(tmp_path: Path, write_tones: Callable[..., Corpus]) -> None:
    one, two = (write_tones(tmp_path, name, num_tones=4, seed=seed) for seed, name in enumerate(("one", "two")))
    two.utterances.loc[1, ["start_s", "end_s"]] = (0.1, 0.2)
    two.save()
    table = pd.DataFrame({"corpus": ["two", "one", "gone", "one"], "own_id": ["01", "02", "03", "no"]})
    found = locate_audio(table.assign(id=table["corpus"] + "/" + table["own_id"]))
    assert found["file"].tolist() == ["01.wav", "02.wav", "03", "no"]  # who is not found is a file that does not exist
    assert found["start_s"].tolist()[:1] == [0.1] and found["end_s"].tolist()[:1] == [0.2]
    assert found[["start_s", "end_s"]].iloc[1:].isna().all(axis=None)
    players, note = make_players(found)
    assert set(players) == {0, 1} and note.startswith("The clips, at most 15 s each, are part of this page")
    assert "one: CC0" in note and "two: CC0" in note
    assert "2 of 4 utterances have no player: 1 of gone (corpus 'gone' is not prepared" in note
    assert "1 of one (" in note and "does not exist" in note
    clip, rate_hz = soundfile.read(io.BytesIO(players[0].clip))
    assert len(clip) / rate_hz == pytest.approx(0.1, abs=1e-3)
    assert len(soundfile.read(io.BytesIO(players[1].clip))[0]) == pytest.approx(
        len(soundfile.read(one.path_of("02.wav"))[0]), abs=1
    )
