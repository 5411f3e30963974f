"""Transcripts of a corpus, as Whisper hears them, kept in the cache."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.audio.read import AudioError, load_audio
from emotone.audio.words.whisper import Transcriber
from emotone.base.files import cache_folder
from emotone.base.progress import track
from emotone.base.result_table import UNCHECKED
from emotone.data.sources import sources_of

if TYPE_CHECKING:
    import pandas

    from emotone.corpora.corpus import Corpus

CORPUS_COLUMNS = ("id", "transcript", "language", "words", "error")


def transcribe_corpus(corpus: Corpus, transcriber: Transcriber | None = None, quiet: bool = False) -> pandas.DataFrame:
    """Transcripts of all utterances, in their order: `CORPUS_COLUMNS`, `words` a list of (word, start_s, end_s).

    Each is recognised in the language that the corpus says it is in; times count from the utterance's own start. They
    are kept in the cache utterance by utterance, so that an interrupted call goes on and a part of a corpus costs
    nothing anew; utterances with an error are tried again, and so are those whose audio has changed. To use them in
    place of the corpus's own: `dataclasses.replace(corpus, utterances=corpus.utterances.assign(transcript=...))`.
    """
    import pandas

    transcriber = transcriber or Transcriber()
    keys = [
        json.dumps([row.id, row.file, _or_none(row.start_s), _or_none(row.end_s), row.language or None])
        for row in corpus.utterances.itertuples()
    ]
    about = json.dumps([transcriber.identity, str(corpus.root.resolve())])
    path = cache_folder() / "transcripts" / f"{corpus.name}-{hashlib.sha256(about.encode()).hexdigest()[:8]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    heard, sources = _read_heard(path), sources_of(corpus)
    left = [
        place
        for place, (key, source) in enumerate(zip(keys, sources, strict=True))
        if key not in heard or not source.is_same(heard[key].get("state", ""), heard[key].get("content", ""))
    ]
    unchecked = sum(key in heard and "state" not in heard[key] for key in keys)
    if unchecked and not quiet:
        print(f"note: {path}: {unchecked} utterances were heard by an earlier version, {UNCHECKED}", file=sys.stderr)
    rows = [corpus.utterances.iloc[place] for place in left]
    done = len(keys) - len(left)
    with open(path, "ab") as file:
        for place, row in zip(left, track(rows, len(keys), f"transcripts of {corpus.name}", quiet, done), strict=True):
            identity = {"state": sources[place].state, "content": sources[place].content}
            heard[keys[place]] = identity | _transcribe(corpus, row, transcriber)
            if not heard[keys[place]]["error"]:  # a line of its own, whatever a kill has left before it
                file.write(b"\n" + json.dumps({"key": keys[place], **heard[keys[place]]}).encode())
                file.flush()
    found = pandas.DataFrame([heard[key] for key in keys], columns=list(CORPUS_COLUMNS))
    return found.assign(words=[[(word, start_s, end_s) for word, start_s, end_s in words] for words in found["words"]])


def _read_heard(path: Path) -> dict[str, dict[str, Any]]:
    """The utterances kept by earlier calls, by key; a line that a kill has cut off does not count."""
    heard = {}
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            about = json.loads(line)
            heard[about.pop("key")] = about
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return heard


def _transcribe(corpus: Corpus, row: Any, transcriber: Transcriber) -> dict[str, Any]:
    try:
        samples = load_audio(corpus.path_of(row.file), _or_none(row.start_s) or 0.0, _or_none(row.end_s))
        found = transcriber(samples, language=row.language)
    except AudioError as error:
        return {"id": row.id, "transcript": None, "language": "", "words": [], "error": str(error)}
    heard = {"transcript": found.text or None, "language": found.language, "words": found.words}
    return {"id": row.id, **heard, "error": ""}


def _or_none(time_s: float) -> float | None:
    return None if np.isnan(time_s) else float(time_s)
