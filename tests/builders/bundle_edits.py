"""Bundles that are changed after they were written, to see what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emotone.base.files import sha256_of
from emotone.bundle.folder import FILES

Edit = Callable[[dict[str, Any]], object]


def change(folder: Path, edit: Edit) -> None:
    """Edit `bundle.json`, with the hashes of the files as they are now."""
    about = json.loads((folder / "bundle.json").read_text())
    about["sha256"] = {name: sha256_of(folder / name) for name in FILES if (folder / name).exists()}
    edit(about)
    (folder / "bundle.json").write_text(json.dumps(about))
