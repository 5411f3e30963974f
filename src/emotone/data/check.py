"""`emotone check`: leaks of a recipe's splits and balance of its classes; problems of a prepared corpus."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from emotone.base.text_table import align
from emotone.bundle.target import one_or_each
from emotone.corpora.check import check_corpus, ends_late
from emotone.corpora.copies import find_copies
from emotone.corpora.corpus import Corpus
from emotone.corpora.opened import MOST_NAMED
from emotone.corpora.scan import scan, with_equal_audio
from emotone.data.leakage import Crossing, class_balance, describe, find_crossings, split_leaks
from emotone.data.recipe import Recipe
from emotone.data.selection import Selection
from emotone.data.split import PARTS
from emotone.errors import name_some

Check = dict[str, Any]


def check_prepared(name: str, jobs: int = 1, quiet: bool = False) -> Check:
    """A prepared corpus: `problems` and `notes`, each a line with the ids it is about."""
    corpus = Corpus.load(name)
    scanned = _scan_with_copies(corpus, jobs, quiet)
    leaks = split_leaks(with_equal_audio(corpus.utterances, scanned))
    findings = [*check_corpus(corpus, scanned), *leaks]
    lines = {
        kind: [
            {"kind": one.kind, "line": one.line, "ids": list(one.ids)} for one in findings if one.is_problem == is_bad
        ]
        for kind, is_bad in (("problems", True), ("notes", False))
    }
    return {"corpus": corpus.name, "fingerprint": corpus.fingerprint, **lines}


def check_recipe(recipe: Recipe, jobs: int = 1, quiet: bool = False) -> Check:
    """All folds of a recipe: what leaks (`problems`), what crosses otherwise (`notes`), sizes and balance per fold."""
    data = Selection.read(recipe, jobs, quiet)
    copies = {name: _scan_with_copies(corpus, jobs, quiet)["copy_of"] for name, corpus in data.corpora.items()}
    keys = zip(data.table["corpus"], data.table["own_id"], strict=True)
    data.table["copy_of"] = [copies[name].get(id_) and f"{name}/{copies[name][id_]}" for name, id_ in keys]
    lines: dict[Any, Check] = {}  # by kind and border, in the words of the first fold
    folds = []
    for number, split in data.folds().items():
        groups: dict[Any, list[Crossing]] = {}
        for crossing in find_crossings(data.table, split, targets=recipe.targets):
            groups.setdefault((crossing.is_leak, crossing.kind, crossing.border), []).append(crossing)
        for key, crossings in groups.items():
            lines.setdefault(key, {"line": describe(crossings)[0], "folds": []})["folds"].append(number)
        sizes = {part: len(getattr(split, part)) for part in PARTS if getattr(split, part)}
        fold: Check = {"fold": number, **sizes}
        balances = {
            target.name: class_balance(data.table, split, target.name).T.to_dict()
            for target in data.targets
            if target.labels
        }
        if balances:
            fold["balance"] = one_or_each(balances)
        folds.append(fold)
    late = list(data.table.loc[ends_late(data.table, data.table["duration_s"]), "id"])
    for ids, problem in ((list(data.unreadable), "cannot be read"), (late, "end after their audio")):
        if ids:
            line = f"{len(ids)} of {len(data.table)} utterances {problem}: {name_some(ids, MOST_NAMED)}"
            lines[(True, problem, ())] = {"line": line, "folds": []}
    return {
        "recipe": recipe.name,
        "allow_leakage": recipe.allow_leakage,
        "left_out": data.left_out,
        "problems": [line for key, line in lines.items() if key[0]],
        "notes": [line for key, line in lines.items() if not key[0]],
        "folds": folds,
    }


def _scan_with_copies(corpus: Corpus, jobs: int, quiet: bool) -> pd.DataFrame:
    """The scan with `copy_of`: recordings that are near duplicates of another, by the first of them."""
    scanned = scan(corpus, jobs, quiet)
    return scanned.assign(copy_of=find_copies(corpus, scanned, jobs, quiet))


def print_check(check: Check, as_json: bool) -> None:
    """To stdout: problems first, then notes, then a table of the folds and the balance of the first one."""
    if as_json:
        print(json.dumps(check, indent=1))
        return
    for word, lines in (("PROBLEM", check["problems"]), ("note", check["notes"])):
        for one in lines:
            num_folds = len(one.get("folds", []))
            where = f"in {num_folds} folds, e.g. fold {one['folds'][0]}: " if num_folds > 1 else ""
            print(f"{word}: {where}{one['line']}")
    for reason, count in check.get("left_out", {}).items():
        print(f"note: {count} utterances are left out: {reason}")
    folds = check.get("folds", [])
    if folds:
        sizes = pd.DataFrame(folds).drop(columns="balance", errors="ignore").fillna(0).astype(int)
        print(align(sizes.to_dict("records")))
        for name, balance in _balances(folds[0]).items():
            print(f"fold {folds[0]['fold']}:")
            print(align([{name: label, **parts} for label, parts in balance.items()]))
    if not check["problems"]:
        print("no problem found")


def _balances(fold: Check) -> dict[str, Any]:
    """The balance of each target that has classes: {what its column is called: {class: {part: number}}}."""
    balance = fold.get("balance", {})
    is_one = all(isinstance(num, int) for parts in balance.values() for num in parts.values())
    return ({"category": balance} if balance else {}) if is_one else balance
