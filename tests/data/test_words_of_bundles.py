"""What bundles are given of a corpus besides audio, where it has no transcripts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from emotone.bundle.bundle import Bundle
from emotone.bundle.view.view import WordChunks
from emotone.corpora.corpus import Corpus
from emotone.data.words_and_text import words_of_bundle
from emotone.errors import EmotoneError


@pytest.fixture
def unspoken(few_spoken: Corpus) -> Corpus:
    """The corpus without transcripts."""
    return replace(few_spoken, utterances=few_spoken.utterances.assign(transcript=None, duration_s=1.0))


def test_both_streams_are_left_with_speech(unspoken: Corpus, two_streams: list[Path]) -> None:
    about = words_of_bundle(Bundle.load(str(two_streams[0])), unspoken, unspoken.utterances, quiet=True)
    assert about.text is None and set(about.words.values()) == {None}
    assert about.notes == [
        "nemo has no transcripts: scored by speech alone",
        "nemo: 12 of 12 utterances have no words, chunks go by duration",
    ]


def test_text_alone_is_left_with_nothing(unspoken: Corpus, two_streams: list[Path]) -> None:
    bundle = Bundle.load(str(two_streams[0]))
    assert isinstance(bundle.view, WordChunks)
    bundle = replace(bundle, view=replace(bundle.view, streams="text"))
    with pytest.raises(EmotoneError, match="nemo has no transcripts, and bundle both scores nothing else"):
        words_of_bundle(bundle, unspoken, unspoken.utterances, quiet=True)


def test_audio_alone_needs_none(unspoken: Corpus, tiny_bundle: Path) -> None:
    about = words_of_bundle(Bundle.load(str(tiny_bundle)), unspoken, unspoken.utterances)
    assert list(about.words) == list(unspoken.utterances["id"]) and set(about.words.values()) == {None}
    assert about.text is None and about.notes == []
