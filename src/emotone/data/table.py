"""Rows of a recipe's table: utterances of several corpora under names of their own.

`id` is an utterance's name in the table, `own_id` that in its own corpus, `utterance` the `id` of the utterance that a
row is of (a training copy has an `own_id` and an `utterance`, too). `store_id` is its name in the feature store, and
`voice_id` that of its clean voice; `voice` and `channel` are the numbers of the changes of its audio
(`emotone.audio.change.augment.Copy`): 0 where there is none.
"""

from __future__ import annotations

import pandas as pd

from emotone.corpora.corpus import Corpus


def table_rows(corpus: Corpus, table: pd.DataFrame, several: bool) -> pd.DataFrame:
    """Utterances of one corpus as rows of a recipe's table, with the corpus's name, licence and citation.

    Ids, speakers and sessions carry the corpus's name where there are `several`, for those of two may be the same.
    """
    table = table.assign(
        own_id=table["id"],
        store_id=table["id"],
        voice_id=table["id"],
        corpus=corpus.name,
        voice=0,
        channel=0,
        licence=corpus.meta.get("licence", ""),
        citation=corpus.meta.get("citation", ""),
    )
    if several:
        for column in ("id", "speaker", "session"):
            table[column] = (corpus.name + "/" + table[column]).where(table[column].notna(), None)
    return table.assign(utterance=table["id"])
