"""Reference pages: complete, with every setting of every plugin, and what docstrings say of it."""

from __future__ import annotations

import pytest

import api_reference
import emotone.sklearn
import reference
from emotone.base import plugins
from emotone.cli import listing
from emotone.cli.verbs import VERBS
from emotone.data.split import SPLITS
from site_text import table


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_every_plugin_and_setting_is_there(kind: str) -> None:
    page = reference.plugin_page(kind)
    for name in plugins.names(kind):
        assert f"\n## {name}\n" in page
    assert all(line.count(" | ") >= 2 for line in page.splitlines() if line.startswith("| `"))


def test_settings_have_their_types_defaults_and_sentences() -> None:
    made = reference.settings_table(plugins.find("features", "mel"))
    assert "| `scale` | `power, log` | `power` | `power`, or `log` = ln(power + log\\_floor). |" in made
    assert "| `hop_samples` | `int` | `256` | from one row to the next." not in made
    assert "| `hop_samples` | `int` | `256` | from one frame to the next. |" in made


def test_a_setting_of_a_base_class_is_explained() -> None:
    assert "| `sha256` | `str or null` | `null` | " in reference.settings_table(plugins.find("features", "minilm"))
    assert "| `sha256` | `str or null` | `null` |  |" not in reference.settings_table(
        plugins.find("features", "minilm")
    )


def test_every_verb_has_its_options() -> None:
    page = reference.verbs_page()
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == list(reference.verb_parsers())
    assert len(reference.verb_parsers()) == len(VERBS)
    assert "| `--window S` | one row per window of S seconds; with --curve they make its points |" in page
    assert "|  |" not in page, "an argument without a word on it"


def test_every_recipe_and_split_is_there() -> None:
    recipes, splits = reference.recipes_page(), reference.splits_page()
    assert recipes.count("\n## ") == len(list(listing.RECIPES.glob("*.yaml")))
    assert [line[3:] for line in splits.splitlines() if line.startswith("## ")] == list(SPLITS)
    assert "`num_folds`" in splits and "`utterances`" not in splits


def test_the_front_door_is_there() -> None:
    page = api_reference.api_page()
    assert "## emotone.load" in page and "### Predictor.predict_index" in page and "`_" not in page
    assert "load(name: str = 'default', **options: Any) -> Predictor" in page and "attributes: dict[str, " in page


def test_every_public_name_is_there_with_its_docstring_and_an_example() -> None:
    page = api_reference.api_page()
    for name in set(emotone.__all__) - {"__version__"}:
        doc = api_reference.doc_of(getattr(emotone, name))
        assert f"## emotone.{name}\n" in page and doc.split("\n")[0] in page and ">>>" in doc, name
    public = [name for name, value in vars(emotone.sklearn).items() if is_of(value, "emotone.sklearn", name)]
    assert public == ["Features"] and "## emotone.sklearn.Features\n" in page
    for group in (
        emotone.Prediction,
        emotone.Predictor,
        emotone.Stream,
        emotone.UtteranceRules,
        emotone.sklearn.Features,
    ):
        for name, member in api_reference.members(group):
            assert f"### {group.__name__}.{name}\n" in page and api_reference.doc_of(member), (group, name)


def is_of(value: object, module: str, name: str) -> bool:
    return not name.startswith("_") and getattr(value, "__module__", "") == module


def test_bars_and_lines_do_not_break_a_table() -> None:
    assert table(("a",), [("x|y\nz `p|q`",)]) == "| a |\n| --- |\n| x\\|y z `p|q` |"
