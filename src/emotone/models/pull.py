"""Published weights as bundles: fetched (or taken from a folder), checked by SHA-256, converted.

What is published, and how it becomes a bundle, stands in `emotone.models.published`, one module per system with its
`SYSTEMS`. Download and folder differ in the transport alone.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from pathlib import Path

from emotone.base.download import check_hash, download
from emotone.base.files import cache_folder, replace_file, sha256_of
from emotone.bundle.folder import bundles_folder
from emotone.errors import EmotoneError, unknown
from emotone.models.published_weights import OWNER, Published

SOURCE_URL = "https://github.com/{owner}/{repository}/raw/{commit}/{path}"


def published_systems() -> dict[str, Published]:
    """All systems that can be pulled, by name.

    >>> "chunk-attention-self" in published_systems()
    True
    """
    package = importlib.import_module("emotone.models.published")
    modules = [
        importlib.import_module(f"emotone.models.published.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
    ]
    return {name: published for module in modules for name, published in module.SYSTEMS.items()}


def pull(name: str, source: Path | None = None, to: Path | None = None) -> Path:
    """Make the bundle of a published system; returns its folder.

    `source` is a folder with the repositories side by side (`<source>/<repository>/<path>`); without it the files are
    downloaded into the cache. Of a system whose files have no known hashes it is where these lie, and nothing is
    downloaded. Raises EmotoneError for an unknown name, a failed transfer or a wrong checksum.
    """
    systems = published_systems()
    if name not in systems:
        raise unknown("published system", name, systems)
    published = systems[name]
    if published.find is None:
        files = {path: obtain(published, path, source) for path in published.files}
    elif source is None:
        raise EmotoneError(f"{name} is not downloaded; name the folder that holds its weights: --from FOLDER")
    else:
        files = published.find(source)
    return published.build(files, to or bundles_folder() / name)


def obtain(published: Published, path: str, source: Path | None) -> Path:
    """A checked local file: from the `source` folder, from the cache, or downloaded into it."""
    expected = published.files[path]
    if source is not None:
        local = source / published.repository / path
        if not local.is_file():
            raise EmotoneError(f"{local}: not found (expected the repositories side by side in {source})")
    else:
        local = cache_folder() / "published" / published.repository / published.commit / path
        if not local.is_file() or sha256_of(local) != expected:
            local.parent.mkdir(parents=True, exist_ok=True)
            with replace_file(local) as temporary:
                download(source_url(published, path), temporary)
                check_hash(temporary, expected, shown=source_url(published, path))
    check_hash(local, expected, shown=str(local))
    return local


def source_url(published: Published, path: str) -> str:
    """Where a file is downloaded from; EMOTONE_SOURCE_URL overrides the pattern (a mirror)."""
    pattern = os.environ.get("EMOTONE_SOURCE_URL", SOURCE_URL)
    try:
        return pattern.format(owner=OWNER, repository=published.repository, commit=published.commit, path=path)
    except (KeyError, IndexError, ValueError):
        raise EmotoneError(f"EMOTONE_SOURCE_URL {pattern!r}: may only have the fields of {SOURCE_URL}") from None
