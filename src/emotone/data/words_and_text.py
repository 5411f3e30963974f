"""Utterances of speech and text: their words, and the features of both streams together.

Words come from the number of words in the `transcript`, from the `corpus` (its owners' alignments), from `whisper`
(heard, with times, kept in the cache), or from none of these: chunks then go by duration.
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
    """What is known of a corpus's utterances besides their audio: `words` by id, features of text where there are any.

    `notes` are lines on what could not be used.
    """

    words: dict[str, Words]
    text: FeatureStore | None = None
    notes: list[str] = field(default_factory=list)

    def join(self, ids: Sequence[str], speech: Sequence[NDArray[np.float32] | None]) -> list[Utterance]:
        """Utterances of these ids, in their order, with their features of speech."""
        return [
            Utterance(features, self.read_text(name), self.words[name])
            for name, features in zip(ids, speech, strict=True)
        ]

    def read_text(self, utterance: str) -> NDArray[np.float32] | None:
        """Token states [T, D] of an utterance, None where it has no transcript that can be read."""
        if self.text is None or utterance not in self.text.index.index:
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
    """What is known of the selected utterances of each corpus, by its own name; `feature` is that of transcripts.

    `view_of` gives what the recipe's system sees of utterances up to as many seconds.
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
    """What is known of these utterances of a corpus (with `id, duration_s`); raises EmotoneError where it has no words.

    An alignment that is not of its audio, and a transcript that the encoder cannot take, leave the utterance without
    words or text, counted in a note; so is what a network with this `view` does not see all of.
    """
    about = WordsAndText({}, text)
    rows = corpus.utterances.set_index("id").loc[list(table["id"])].assign(duration_s=list(table["duration_s"]))
    aligned = _aligned(corpus, alignment, quiet)
    bad: list[str] = []
    for row in rows.itertuples():
        found: Words = None
        if alignment == "transcript":
            found = len((row.transcript or "").split()) or None
        elif row.Index in aligned:
            try:
                found = _read(aligned[row.Index], corpus, row.duration_s, str(row.Index))
            except EmotoneError as error:
                bad.append(str(error))
        about.words[str(row.Index)] = found
    about.notes += _word_notes(about.words, alignment, bad)
    if text is not None:
        about.notes += _text_notes(list(rows.index), text)
    if view is not None and (num_cut := count_cut(about.join(list(rows.index), [None] * len(rows)), view)):
        about.notes.append(f"{num_cut} utterances have more than {view.max_steps} words or tokens; the rest is cut")
    about.notes = [f"{corpus.name}: {note}" for note in about.notes]
    return about


def words_of_bundle(
    bundle: Bundle, corpus: Corpus, table: pd.DataFrame, jobs: int = 1, quiet: bool = False
) -> WordsAndText:
    """What the bundle takes of utterances (the corpus's own `id`, `duration_s`), from where it took it in training.

    Raises EmotoneError where the corpus has no words of that kind, or nothing that the bundle scores.
    """
    view = bundle.view
    if not isinstance(view, WordChunks):
        return WordsAndText(dict.fromkeys(table["id"]))
    about = words_of(corpus, table, alignment_of(bundle), text_store(bundle, corpus, jobs, quiet), quiet, view)
    if bundle.takes_text and about.text is None:
        if view.streams == "text":
            raise EmotoneError(f"corpus {corpus.name} has no transcripts, and bundle {bundle.name} scores nothing else")
        about.notes.insert(0, f"{corpus.name} has no transcripts: scored by speech alone")
    return about


def alignment_of(bundle: Bundle) -> Alignment:
    """Where the words that the bundle was trained with came from."""
    return bundle.about.get("training", {}).get("recipe", {}).get("alignment", "transcript")


def text_store(bundle: Bundle, corpus: Corpus, jobs: int = 1, quiet: bool = False) -> FeatureStore | None:
    """The bundle's features of a corpus's transcripts; None where it takes no text, or there is none."""
    if not bundle.takes_text or not has_transcripts(corpus):
        return None
    return extract(corpus, bundle.about["text_feature"]["name"], bundle.text_feature, jobs, quiet=quiet)


def has_transcripts(corpus: Corpus) -> bool:
    """Whether any utterance has one."""
    return bool(corpus.utterances["transcript"].astype(bool).any())


def _aligned(corpus: Corpus, alignment: Alignment, quiet: bool) -> dict[str, Any]:
    """Where the aligned words of utterances are: a file's path, or the words themselves."""
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
