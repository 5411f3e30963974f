"""The unlabelled speech of a recipe, from which a semi-supervised system learns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from emotone.corpora.corpus import ATTRIBUTES, Corpus
from emotone.data.recipe import Recipe
from emotone.data.table import table_rows
from emotone.errors import EmotoneError


def add(
    table: pd.DataFrame, recipe: Recipe, corpora: Mapping[str, Corpus], scans: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The recipe's table with the drawn unlabelled utterances, and those left out: {reason: number}.

    Their `split` is `unlabelled` and they have no labels, ids and speakers carry the corpus's name. Utterances whose
    audio cannot be read are not drawn. Raises EmotoneError where fewer are left than asked for, and where the setting
    is used without any.
    """
    settings, where = recipe.unlabelled, f"recipe {recipe.name}: unlabelled"
    own = table["split"] == "unlabelled"
    for name in sorted(set(settings.corpora) & set(recipe.corpora)):
        if not (own & (table["corpus"] == corpora[name].name)).any():
            raise EmotoneError(f"{where}: the recipe trains on {name}, none of which is set apart as unlabelled")
    others = [name for name in settings.corpora if name not in recipe.corpora]
    pools = [table[own], *(_strip(corpora[name], scans[name], recipe.targets) for name in others)]
    errors = pd.concat([scans[name]["error"] for name in others]) if others else pd.Series(dtype=str)
    errors = errors[errors != ""]
    lost = {f"unlabelled and not readable, e.g. {errors.iloc[0]}": len(errors)} if len(errors) else {}
    pool = pd.concat([part for part in pools if len(part)], ignore_index=True) if any(map(len, pools)) else table[own]
    if settings.num is not None:
        if not 1 <= settings.num <= len(pool):
            raise EmotoneError(
                f"{where}.num must be from 1 to the {len(pool)} utterances there are, not {settings.num}"
            )
        pool = draw_evenly(pool, settings.num, settings.seed)
    elif others and not len(pool):
        raise EmotoneError(f"{where}: no utterance of {', '.join(others)} can be read")
    if len(pool):
        table = pd.concat([table[~own], pool.reindex(columns=table.columns)], ignore_index=True)
    return table, lost


def draw_evenly(pool: pd.DataFrame, num: int, seed: int) -> pd.DataFrame:
    """`num` random rows, equally many of each `corpus` as far as it has them; larger ones give the rest.

    >>> pool = pd.DataFrame({"id": list("abcdef"), "corpus": list("xxxxxy")})
    >>> draw_evenly(pool, 3, seed=0)["corpus"].tolist()
    ['x', 'x', 'y']
    """
    order = np.random.default_rng(seed).permutation(len(pool))
    corpora = pool["corpus"].iloc[order]
    turn = corpora.groupby(corpora).cumcount().to_numpy()  # the n-th of its corpus comes in the n-th turn
    chosen = order[np.lexsort((pd.factorize(corpora, sort=True)[0], turn))][:num]
    return pool.iloc[np.sort(chosen)]


def _strip(corpus: Corpus, scan: pd.DataFrame, targets: list[str]) -> pd.DataFrame:
    """The readable utterances of a corpus, without any label; whose they are is known for the leak check alone."""
    table = corpus.utterances.join(scan[["duration_s", "content", "error"]], on="id")
    table = table[table["error"].fillna("") == ""].drop(columns="error")
    table = table.assign(split="unlabelled", emotion=None, transcript=None)
    table[list(ATTRIBUTES)] = np.nan
    table = table.assign(**{name: None for name in targets if name in table and name not in (*ATTRIBUTES, "speaker")})
    return table_rows(corpus, table, several=True)
