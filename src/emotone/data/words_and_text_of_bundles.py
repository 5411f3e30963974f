"""What a bundle is given of a corpus's utterances besides their audio: words, and features of their text."""

from __future__ import annotations

import pandas as pd

from emotone.bundle.bundle import Bundle
from emotone.bundle.view.view import WordChunks
from emotone.corpora.corpus import Corpus
from emotone.data.recipe import Alignment
from emotone.data.store import FeatureStore, extract
from emotone.data.words_and_text import Told, told
from emotone.errors import EmotoneError


def tell(bundle: Bundle, corpus: Corpus, table: pd.DataFrame, jobs: int = 1, quiet: bool = False) -> Told:
    """What the bundle takes of utterances (the corpus's own `id`, `duration_s`), from where it took it in training.

    Raises EmotoneError where the corpus has no words of that kind, or nothing that the bundle scores.
    """
    view = bundle.view
    if not isinstance(view, WordChunks):
        return Told(dict.fromkeys(table["id"]))
    about = told(corpus, table, alignment_of(bundle), text_store(bundle, corpus, jobs, quiet), quiet, view)
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
