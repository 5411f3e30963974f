"""The inputs of bundles for utterances whose words, transcript, frames, bursts or audio are missing.

Features of text with fewer words, and of audio with bursts lost, are kept in the feature store: other runs with the
same features find them there. Frames are dropped from the features of the whole audio.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.audio.change.degrade import Severity
from emotone.audio.read import Samples
from emotone.base.draws import Random, generator
from emotone.bundle.bundle import Bundle
from emotone.bundle.view.streams import Utterance, Words
from emotone.bundle.view.view import WordChunks
from emotone.corpora.corpus import Corpus
from emotone.data.heard import transcribe_corpus
from emotone.data.recipe import Alignment
from emotone.data.store import FeatureStore, Transform, extract
from emotone.data.words_and_text import (
    WordsAndText,
    alignment_of,
    has_transcripts,
    text_store,
    words_of,
    words_of_bundle,
)
from emotone.errors import EmotoneError
from emotone.evaluate.degraded import missing
from emotone.evaluate.degraded.missing import CURVES, RECOGNISED
from emotone.evaluate.degraded.scoring import Condition
from emotone.evaluate.run_folder import Run, corpora_of

NO_WORDS: Condition = ("words", 100.0)
"""The end of one curve; the same as the absence of the transcript, another."""


@dataclass(frozen=True)
class LostBursts:
    """A transform of the feature store: samples without a share of their bursts (`degraded.missing`)."""

    share: float
    seed: int

    def __call__(self, samples: Samples, utterance: str) -> Samples:
        """Samples [N] of the utterance with this id, silent where bursts were lost."""
        return missing.lose_bursts(samples, self.share, generator(self.seed, utterance, "bursts"))


@dataclass
class MissingInputs:
    """The tested utterances of a run in every condition.

    `bundle` is any of the run's: their features, words and streams are alike. `table` is the run's prediction table,
    `chosen` its rows in which bursts are lost, `asked` the curves wanted. `notes` say what is not measured, and what
    could not be used. Raises EmotoneError for corpora that are not prepared or have changed.
    """

    run: Run
    bundle: Bundle
    table: pd.DataFrame
    chosen: pd.DataFrame
    asked: Sequence[str] = tuple(CURVES)
    seed: int = 0
    jobs: int = 1
    quiet: bool = False
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        whole = {corpus.name: corpus for corpus in corpora_of(self.run)}
        self._rows = _own_rows(self.table)
        self._corpora = {name: _part(whole[name], rows["id"]) for name, rows in self._rows.items()}
        self._clean = {
            name: words_of_bundle(self.bundle, whole[name], rows, self.jobs, self.quiet)
            for name, rows in self._rows.items()
        }
        self._words: dict[Condition, dict[str, WordsAndText]] = {}
        self._speech = self._extract(self._corpora)
        self._bursts: dict[Severity, dict[str, FeatureStore]] = {}
        self.notes += [note for words in self._clean.values() for note in words.notes]

    @cached_property
    def curves(self) -> list[str]:
        """The curves asked for that can be measured; the notes say why the others cannot."""
        reasons: dict[str, list[str]] = {}
        for name in self.asked:
            reasons.setdefault(self._reason_against(name), []).append(name)
        curves = reasons.pop("", [])
        for reason, names in reasons.items():
            self.notes.append(f"not measured: {', '.join(CURVES[name].title.lower() for name in names)} ({reason})")
        return curves

    def takes(self, curve: str) -> bool:
        """Whether the bundles take what a curve takes away; no score can change otherwise."""
        if CURVES[curve].takes_transcript:
            return self.bundle.takes_text or (self.bundle.takes_words and alignment_of(self.bundle) != "none")
        return self._streams != "text"

    def utterances(self, condition: Condition, rows: pd.DataFrame) -> list[Utterance | None]:
        """The utterances of these rows of `table`; None for one of which nothing is left that the bundles take."""
        words_of_corpus = self._words_in(condition)
        found: list[Utterance | None] = []
        for corpus, name in zip(rows["corpus"], rows["own_id"], strict=True):
            speech, words = self._speech_in(condition, corpus, name), words_of_corpus[corpus]
            utterance = Utterance(speech, words.read_text(name), words.words[name])
            seen = utterance.seen(self.bundle.view) if isinstance(self.bundle.view, WordChunks) else utterance
            is_lost = speech is None and condition[0] != "audio"  # the feature refuses what is left of the audio
            found.append(utterance if seen.inputs and not is_lost else None)
        return found

    @property
    def _streams(self) -> str:
        return self.bundle.view.streams if isinstance(self.bundle.view, WordChunks) else "speech"

    def _reason_against(self, curve: str) -> str:
        """Why a curve cannot be measured; "" where it can."""
        if CURVES[curve].takes_transcript:
            if not self.bundle.takes_words:
                return "the bundle takes audio alone"
            if not any(map(has_transcripts, self._corpora.values())):
                return f"no transcripts in {', '.join(self._corpora)}"
        if (curve, self._streams) in (("transcript", "text"), ("audio", "speech")):
            return f"the bundle takes nothing but {self._streams}"
        if curve == "frames" and self.bundle.feature.hop_s is None:
            return "the feature has one vector per utterance"
        if curve == RECOGNISED and self.takes(curve):
            try:
                for corpus in self._corpora.values():
                    transcribe_corpus(corpus, quiet=self.quiet)  # kept in the cache
            except EmotoneError as error:  # the package or its weights are not here
                return str(error)
        return ""

    def _words_in(self, condition: Condition) -> dict[str, WordsAndText]:
        """{corpus: words and text} in a condition."""
        curve, severity = condition
        if not CURVES[curve].takes_transcript:
            return self._clean
        if condition not in self._words:
            find = self._recognised_words
            if curve != RECOGNISED:
                find = partial(self._fewer_words, 1.0 if curve == "transcript" else float(severity) / 100)
            self._words[condition] = {name: find(name) for name in self._corpora}
        return self._words[condition]

    def _recognised_words(self, name: str) -> WordsAndText:
        """Words and text of a corpus as Whisper hears them."""
        heard = transcribe_corpus(self._corpora[name], quiet=self.quiet)
        recognised = _with_transcripts(self._corpora[name], list(heard["transcript"]))
        alignment: Alignment = "none" if alignment_of(self.bundle) == "none" else "whisper"
        text = text_store(self.bundle, recognised, self.jobs, self.quiet)
        words = words_of(recognised, self._rows[name], alignment, text, self.quiet)
        self.notes += [f"recognised transcripts: {note}" for note in words.notes]
        return words

    def _fewer_words(self, share: float, name: str) -> WordsAndText:
        """Words and text of a corpus without a share of the words."""
        clean, corpus, rows = self._clean[name], self._corpora[name], self._rows[name]
        draws = {id_: partial(generator, self.seed, id_, "words") for id_ in rows["id"]}
        words = {id_: keep_words(clean.words[id_], share, draw()) for id_, draw in draws.items()}
        texts = zip(corpus.utterances["id"], corpus.utterances["transcript"], strict=True)  # None: no transcript
        left = [missing.delete_words(text, share, draws[id_]()) or None if text else None for id_, text in texts]
        store = text_store(self.bundle, _with_transcripts(corpus, left), self.jobs, self.quiet)
        unread = [] if store is None else [id_ for id_, error in store.failed.items() if error != "has no transcript"]
        if unread:
            self.notes.append(f"{name}: {len(unread)} transcripts of fewer words cannot be read, e.g. {unread[0]}")
        return WordsAndText(words, store)

    def _speech_in(self, condition: Condition, corpus: str, name: str) -> NDArray[np.float32] | None:
        """Features of an utterance in a condition; None where there are none."""
        curve, severity = condition
        if curve == "audio":
            return None
        if curve == "bursts":
            if severity not in self._bursts:
                wanted = _own_rows(self.chosen)
                corpora = {name: _part(self._corpora[name], rows["id"]) for name, rows in wanted.items()}
                self._bursts[severity] = self._extract(corpora, LostBursts(float(severity) / 100, self.seed))
            store = self._bursts[severity][corpus]
            return store.read(name) if name in store else None
        features = self._speech[corpus].read(name)
        if curve == "frames":
            return missing.drop_frames(features, float(severity) / 100, generator(self.seed, name, "frames"))
        return features

    def _extract(self, corpora: dict[str, Corpus], transform: Transform | None = None) -> dict[str, FeatureStore]:
        """The stores of the run's feature; those of whole audio are the ones it was trained and tested with."""
        name, dtype = self.bundle.about.feature.name, self.run.recipe.get("feature_dtype", "float32")
        return {
            corpus.name: extract(corpus, name, self.bundle.feature, self.jobs, dtype, self.quiet, transform)
            for corpus in corpora.values()
        }


def keep_words(words: Words, share: float, random: Random) -> Words:
    """Words without a share of them; None, as where nothing is known of them, where none is left.

    >>> keep_words(4, 0.5, np.random.default_rng(0)), keep_words([("so", 0.0, 0.3)], 1.0, np.random.default_rng(0))
    (2, None)
    """
    if words is None:
        return None
    is_lost = missing.choose_lost(words if isinstance(words, int) else len(words), share, random)
    if isinstance(words, int):
        return int((~is_lost).sum()) or None
    return [word for word, lost in zip(words, is_lost, strict=True) if not lost] or None


def _own_rows(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """{corpus: its utterances, once each, with the corpus's own `id`}."""
    rows = table.assign(id=table["own_id"])
    return {str(name): part.drop_duplicates("id") for name, part in rows.groupby("corpus", sort=False)}


def _part(corpus: Corpus, ids: Iterable[str]) -> Corpus:
    """The utterances of these ids, in the order of the corpus."""
    return Corpus(corpus.name, corpus.root, corpus.utterances[corpus.utterances["id"].isin(set(ids))])


def _with_transcripts(corpus: Corpus, transcripts: list[str | None]) -> Corpus:
    own = corpus.utterances.assign(transcript=pd.Series(transcripts, dtype=object))
    return Corpus(corpus.name, corpus.root, own)
