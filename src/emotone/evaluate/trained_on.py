"""What a bundle was trained on, held against what it is tested on: a test on training data says so first."""

from __future__ import annotations

from emotone.bundle.about import Provenance
from emotone.corpora.corpus import Corpus

ALL = "all"
CHOSEN_BY = "validation"


def default_part(corpus: Corpus) -> str:
    """The official test part of a corpus, or all of it where it has none."""
    return "test" if (corpus.utterances["split"] == "test").any() else ALL


def training_warnings(name: str, training: Provenance, corpus: Corpus, part: str) -> list[str]:
    """The line that must come before the numbers of a bundle on a part of a corpus it knows; none of another corpus.

    A bundle of a recipe with the official split does not know the test parts, nor does a published one of the same
    corpus; of all other splits nobody can say which utterances are new to it.
    """
    if corpus.name in training.corpora or corpus.fingerprint in training.corpora.values():
        is_official = training.recipe.get("split", {}).get("name") == "official"
        corpus_name, parts = corpus.name, ["train", CHOSEN_BY] if is_official else None
    elif training.corpus is not None and _reader_of(corpus) == _reader_of_title(training.corpus):
        corpus_name, parts = training.corpus, training.parts
    else:
        return []
    if parts is None or part == ALL and not parts:
        return [f"the bundle {name} was trained on {corpus_name} itself: this is no test"]
    if part == ALL:
        known = " and ".join(parts)
        return [f"the bundle {name} was trained on parts of {corpus_name} ({known}), all are tested: this is no test"]
    if part not in parts:
        return []
    what = "its weights were chosen by" if part == CHOSEN_BY else "it was trained on"
    return [f"the bundle {name} knows what it is tested on, {what} {part} of {corpus_name}: this is no test"]


def training_notes(training: Provenance, corpus: Corpus, part: str) -> list[str]:
    """What is to be said where a published bundle is tested on another part of its corpus, perhaps another release."""
    if training.corpus is None or _reader_of(corpus) != _reader_of_title(training.corpus) or part in (ALL, "train"):
        return []
    return [f"trained on {training.corpus}; in another release a segment of {part} may have been in another part"]


def _reader_of(corpus: Corpus) -> str:
    """The reader that prepared a corpus; of one prepared before that was kept, by its name."""
    return str(corpus.meta.get("reader") or corpus.name)


def _reader_of_title(title: str) -> str:
    """The reader of a published corpus by its title, which may end in a version.

    >>> _reader_of_title("MSP-Podcast 1.6")
    'msp-podcast'
    """
    return title.partition(" ")[0].lower()
