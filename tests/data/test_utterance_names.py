"""Values by names of utterances: lacking, unknown, of several. Kinds of names: `difficulties/test_file.py`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from emotone.data.utterance_names import select_values, values_of
from emotone.errors import EmotoneError


def test_files_that_lack_utterances_or_name_unknown_ones() -> None:
    values = {"a.wav": 0.1, "b.wav": 0.2, "c.wav": 0.3}
    assert select_values(values, ["c.wav", "a.wav"], known=["b.wav"]) == [0.3, 0.1]
    with pytest.raises(EmotoneError, match=r"mi.json: 2 of 3 utterances have no value, e.g. 'x.wav'"):
        select_values(values, ["a.wav", "x.wav", "y.wav"], where="mi.json")
    with pytest.raises(EmotoneError, match=r"1 of 3 values are of unknown utterances, e.g. 'b.wav'"):
        select_values(values, ["c.wav", "a.wav"])


def test_values_may_be_anything_and_names_of_several_are_refused() -> None:
    table = pd.DataFrame({"id": ["x/a", "y/a", "y/b"], "file": ["x/a.wav", "y/a.wav", "y/b.wav"]})
    data: Any = SimpleNamespace(table=table, corpora={})
    assert values_of({"a.wav": [1], "b.wav": [2, 3]}, data, ["y/b"], "ranks") == [[2, 3]]
    with pytest.raises(EmotoneError, match=r"ranks \(by last part of the file\): 'a.wav' is the name of several"):
        values_of({"a.wav": [1], "b.wav": [2]}, data, ["x/a"], "ranks")
    assert values_of({"x/a": 1, "y/a": 2}, data, ["y/a", "x/a"], "ranks") == [2, 1]
