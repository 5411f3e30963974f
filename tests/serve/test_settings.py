"""What a server is started with."""

from __future__ import annotations

import math
import socket
from pathlib import Path

import pytest

from emotone.errors import EmotoneError
from emotone.serve.settings import Limits, ServeSettings, name_models, new_token


def test_who_reaches_it() -> None:
    assert all(ServeSettings(host=host).is_local for host in ("127.0.0.1", "localhost", "::1", "127.0.0.2"))
    assert not any(ServeSettings(host=host).is_local for host in ("0.0.0.0", "::", "192.168.1.2", "lab.example"))


def test_tokens_cannot_be_guessed() -> None:
    assert len({new_token() for _ in range(100)}) == 100 and len(new_token()) >= 32


def test_models_have_names(tmp_path: Path) -> None:
    assert name_models([str(tmp_path / "a"), "small"]) == {"a": str(tmp_path / "a"), "small": "small"}
    (tmp_path / "a").mkdir()
    setup = ServeSettings(models=[str(tmp_path / "a"), "small"]).setup(tmp_path)
    assert setup.models == {"a": str(tmp_path / "a"), "small": "small"} and setup.most_seconds == 18_000


@pytest.mark.parametrize(
    "values",
    [
        {"hours": 0.0},
        {"hours": math.nan},
        {"waiting": 0},
        {"deadline_s": math.inf},
        {"keep_s": -1.0},
        {"upload_bytes": 10},
    ],
)
def test_limits_are_positive(values: dict[str, float]) -> None:
    with pytest.raises(EmotoneError, match="must be from"):
        Limits(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values",
    [
        {"workers": 0},
        {"models": ()},
        {"token": "ä" * 20},
        {"token": "a#b&c+d%20efghijklmnop"},
        {"root_path": "/x/"},
        {"root_path": "/é"},
        {"names": ["http://x"]},
    ],
)
def test_settings_that_cannot_be(values: dict[str, object]) -> None:
    with pytest.raises(EmotoneError):
        ServeSettings(**values)  # type: ignore[arg-type]


def test_names_of_hosts_are_in_small_letters() -> None:
    hosts = ServeSettings(host="0.0.0.0", names=["Lab.Example"]).hosts
    assert {"lab.example", "localhost", socket.gethostname().lower()} <= hosts
