"""The words of a corpus's utterances, and the features of its transcripts, for what takes speech and text.

A recipe's `alignment` says where words come from: `transcript` (their number alone), `corpus` (its owners' alignments),
`whisper` (recognised with times, kept in the cache), or `none`, with which chunks go by duration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.audio.words.alignment import Word, check_words, read_words
from emotone.bundle.bundle import Bundle
from emotone.bundle.view.streams import Utterance, Words, count_cut
from emotone.bundle.view.view import WordChunks
from emotone.corpora.corpus import Corpus
from emotone.data.heard import transcribe_corpus
from emotone.data.recipe import Alignment, Recipe
from emotone.data.store import FeatureStore, extract
from emotone.errors import EmotoneError
from emotone.features.feature import BatchedFeature


@dataclass
class WordsAndText:
    """The `words` of a corpus's utterances by id, and the features of its transcripts where a network takes these.

    `notes` are lines on what could not be used.
    """

    words: dict[str, Words]
    text: FeatureStore | None = None
    notes: list[str] = field(default_factory=list)

    def join(self, ids: Sequence[str], speech: Sequence[NDArray[np.float32] | None]) -> list[Utterance]:
        """The utterances `ids`, in their order, of which `speech` are the features [T, D]."""
        return [
            Utterance(features, self.read_text(name), self.words[name])
            for name, features in zip(ids, speech, strict=True)
        ]

    def read_text(self, utterance: str) -> NDArray[np.float32] | None:
        """Token states [T, D] of an utterance, None where it has no transcript that can be read."""
        if self.text is None or utterance not in self.text:
            return None
        return self.text.read(utterance)


def words_of_recipe(
    recipe: Recipe,
    corpora: dict[str, Corpus],
    selected: dict[str, pd.DataFrame],
    feature: BatchedFeature | None,
    view_of: Callable[[float], WordChunks],
    jobs: int = 1,
    quiet: bool = False,
) -> dict[str, WordsAndText]:
    """Words and text of the selected utterances of each corpus, by its own name; `feature` is that of transcripts.

    `view_of(longest_s)` is the view of the recipe's system for utterances of up to so many seconds.
    """
    choice, found = recipe.text_feature, {}
    for name, corpus in corpora.items():
        text = None
        if choice is not None:
            text = extract(corpus, choice.name, feature, jobs, "float32", quiet)
        own = selected[name].assign(id=selected[name]["own_id"])
        view = view_of(float(own["duration_s"].max()))
        found[corpus.name] = words_of(corpus, own, recipe.alignment, text, quiet, view)
    return found


def words_of(
    corpus: Corpus,
    table: pd.DataFrame,
    alignment: Alignment,
    text: FeatureStore | None,
    quiet: bool = False,
    view: WordChunks | None = None,
) -> WordsAndText:
    """The words of these utterances of a corpus (columns `id, duration_s`), with the store of its transcripts.

    An alignment that does not fit its audio, and a transcript that the encoder cannot take, leave the utterance without
    words or text, which a note counts; another one counts the utterances that are too long for a `view`. Raises
    EmotoneError where the corpus has no alignments at all.
    """
    found = WordsAndText({}, text)
    rows = corpus.utterances.set_index("id").loc[list(table["id"])].assign(duration_s=list(table["duration_s"]))
    aligned = _aligned(corpus, alignment, quiet)
    bad: list[str] = []
    for row in rows.itertuples():
        words: Words = None
        if alignment == "transcript":
            words = len((row.transcript or "").split()) or None
        elif row.Index in aligned:
            try:
                words = _read(aligned[row.Index], corpus, row.duration_s, str(row.Index))
            except EmotoneError as error:
                bad.append(str(error))
        found.words[str(row.Index)] = words
    notes = _word_notes(found.words, alignment, bad)
    if text is not None:
        notes += _text_notes(list(rows.index), text)
    if view is not None and (num_cut := count_cut(found.join(list(rows.index), [None] * len(rows)), view)):
        notes.append(f"{num_cut} utterances have more than {view.max_steps} words or tokens; the rest is cut")
    found.notes = [f"{corpus.name}: {note}" for note in notes]
    return found


def words_of_bundle(
    bundle: Bundle, corpus: Corpus, table: pd.DataFrame, jobs: int = 1, quiet: bool = False
) -> WordsAndText:
    """The words and text of utterances (the corpus's own `id`, `duration_s`) from the sources of the bundle's training.

    Raises EmotoneError where the corpus has no alignments of that kind, or no transcripts for a bundle of text alone.
    """
    view = bundle.view
    if not isinstance(view, WordChunks):
        return WordsAndText(dict.fromkeys(table["id"]))
    found = words_of(corpus, table, alignment_of(bundle), text_store(bundle, corpus, jobs, quiet), quiet, view)
    if bundle.takes_text and found.text is None:
        if view.streams == "text":
            raise EmotoneError(f"corpus {corpus.name} has no transcripts, and bundle {bundle.name} scores nothing else")
        found.notes.insert(0, f"{corpus.name} has no transcripts: scored by speech alone")
    return found


def alignment_of(bundle: Bundle) -> Alignment:
    """The recipe's `alignment` with which the bundle was trained."""
    return bundle.about.training.recipe.get("alignment", "transcript")


def text_store(bundle: Bundle, corpus: Corpus, jobs: int = 1, quiet: bool = False) -> FeatureStore | None:
    """The bundle's features of a corpus's transcripts; None where it takes no text, or there is none."""
    if bundle.about.text_feature is None or not has_transcripts(corpus):
        return None
    return extract(corpus, bundle.about.text_feature.name, bundle.text_feature, jobs, quiet=quiet)


def has_transcripts(corpus: Corpus) -> bool:
    """Whether any utterance has one."""
    return bool(corpus.utterances["transcript"].astype(bool).any())


def _aligned(corpus: Corpus, alignment: Alignment, quiet: bool) -> dict[str, Any]:
    """The aligned words of utterances by id: the path of a file of the corpus, or the words themselves."""
    if alignment == "whisper":
        heard = transcribe_corpus(corpus, quiet=quiet)
        return dict(zip(heard["id"], heard["words"], strict=True))
    if alignment != "corpus":
        return {}
    if "alignment" not in corpus.utterances or not corpus.utterances["alignment"].notna().any():
        raise EmotoneError(
            f"corpus {corpus.name} has no word alignments of its owners; set alignment to whisper, transcript or none"
        )
    known = corpus.utterances[corpus.utterances["alignment"].notna()]
    return dict(zip(known["id"], known["alignment"], strict=True))


def _read(found: Any, corpus: Corpus, duration_s: float, where: str) -> list[Word]:
    """Aligned words of an utterance; those a little outside of the audio, as aligners round, are moved into it."""
    words = read_words(corpus.path_of(found)) if isinstance(found, str) else found
    check_words(words, duration_s, where)
    return [(word, max(0.0, min(start_s, duration_s)), min(end_s, duration_s)) for word, start_s, end_s in words]


def _word_notes(words: dict[str, Words], alignment: Alignment, bad: list[str]) -> list[str]:
    """How many utterances have no words, though there should be some."""
    num_bare = sum(not found for found in words.values()) - len(bad)
    notes = [f"{len(bad)} alignments cannot be used, chunks go by duration: {bad[0]}"] if bad else []
    if num_bare and alignment != "none":
        notes.append(f"{num_bare} of {len(words)} utterances have no words, chunks go by duration")
    return notes


def _text_notes(ids: Sequence[str], text: FeatureStore) -> list[str]:
    """How many transcripts are not used, or not whole."""
    there = text.index["note"].reindex(ids)
    lost, cut = there[there.isna()], there[there.notna() & (there != "")]
    notes = [f"{count} transcripts are {note}" for note, count in cut.value_counts().items()]
    if len(lost):
        first = lost.index[0]
        notes.insert(0, f"{len(lost)} utterances have no text, e.g. {first}: {text.failed.get(first, 'not extracted')}")
    return notes
