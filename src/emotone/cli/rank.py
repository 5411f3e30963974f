"""Verbs of rankers: rank sequences as files."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from emotone.cli.options import TABLES, AddVerb, add_device, add_jobs, add_quiet, need, say


def add_rank(add_verb: AddVerb) -> None:
    parser = add_verb("rank", rank, "Rank the chunks of every utterance by a ranker: published JSON, a file a part.")
    add = parser.add_argument
    add("model", metavar="RUN|BUNDLE", help="a run's folder, or a bundle's name or folder")
    add("corpus", metavar="CORPUS", help="a prepared corpus")
    add("--to", type=Path, required=True, metavar="FOLDER", help="where PART_Act.json, .. go; folds have folders")
    add_jobs(parser)
    add_device(parser)
    add_quiet(parser)


def rank(options: Namespace) -> int:
    """Rank sequences of a corpus, one file for each part and attribute."""
    need(*TABLES)
    from emotone.corpora.corpus import Corpus
    from emotone.evaluate.rank_corpus import rank_corpus

    corpus = Corpus.load(options.corpus)
    paths = rank_corpus(options.model, corpus, options.to, options.device, options.jobs, options.quiet)
    say(options, f"{options.to}: {len(paths)} files; try: emotone train RECIPE system.ranks={options.to}")
    return 0
