"""Downloads with a limit of size and time, checked by their hash."""

from __future__ import annotations

import http.client
import urllib.request
from pathlib import Path

from emotone.base.files import sha256_of
from emotone.errors import EmotoneError

LARGEST_FILE_BYTES = 64_000_000
TIMEOUT_S = 30.0


def download(url: str, to: Path) -> None:
    """Fetch an http(s) URL into a file.

    Raises EmotoneError for more than 64 MB, 30 s without data, fewer bytes than promised, and any failure on the way.
    """
    if not url.startswith(("https://", "http://")):
        raise EmotoneError(f"{url}: not an http(s) address")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response, open(to, "wb") as file:
            promised = int(response.headers.get("Content-Length") or 0)
            if promised > LARGEST_FILE_BYTES:
                raise EmotoneError(f"{url}: {promised} bytes, more than the {LARGEST_FILE_BYTES} allowed")
            received = 0
            while block := response.read(1 << 20):
                received += len(block)
                if received > LARGEST_FILE_BYTES:
                    raise EmotoneError(f"{url}: more than the {LARGEST_FILE_BYTES} bytes allowed")
                file.write(block)
            if promised and received != promised:
                raise EmotoneError(f"{url}: truncated, {received} of {promised} bytes came")
    except (OSError, http.client.HTTPException, ValueError) as error:  # URLError is an OSError
        raise EmotoneError(
            f"{url}: cannot be downloaded ({getattr(error, 'reason', error)}); offline, use --from"
        ) from None


def check_hash(path: Path, expected: str, shown: str) -> None:
    """Raise EmotoneError when a file's SHA-256 is not the expected one."""
    found = sha256_of(path)
    if found != expected:
        raise EmotoneError(f"{shown}: refused, its SHA-256 is {found[:12]}..., not {expected[:12]}...")
