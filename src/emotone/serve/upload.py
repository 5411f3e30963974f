"""A form with a recording, written to a job's folder as it comes: nothing is held in memory, nothing is named by it.

Its length is limited before anything of it is read, by its header, and again as it comes; a client that sends too
slowly is left, so that nobody holds a place for nothing.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from emotone.serve.refusal import RefusalError

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # what is wrong with a form is told its client

SOUND, TURNS = "sound", "turns"
FILES = {"file": (SOUND, (".txt",)), "speakers": (TURNS, (".rttm", ".csv"))}
"""Fields that are files: what they are called here, and the suffixes that say something of their content."""
MOST_FIELDS = 32
MOST_FIELD_BYTES = 2_000
MOST_HEADER_BYTES = 4_000
MOST_NAME = 255
GRACE_S = 10.0
LEAST_BYTES_PER_S = 2_000
"""What a client sends at least, after the first ten seconds."""
PAUSE_S = 20.0


@dataclass
class Form:
    """What a form holds: fields, and files by their field's name, each with the client's name for it."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    num_bytes: int = 0


async def receive_form(body: AsyncIterator[bytes], content_type: str, folder: Path, most_bytes: int) -> Form:
    """Write the files of a form into a folder; raises RefusalError for what is no form, too long or too slow."""
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise RefusalError(415, "body.type", "send a form (multipart/form-data) with a field file")
    form = Form()
    with _Parts(form, folder) as parts:
        try:
            parser = MultipartParser(options[b"boundary"], parts.callbacks())
            async for chunk in _in_time(body):
                form.num_bytes += len(chunk)
                if form.num_bytes > most_bytes:
                    raise too_large(most_bytes)
                parser.write(chunk)
            parser.finalize()
        except FormParserError:
            raise RefusalError(400, "body.form", "the form is damaged or cut off") from None
        if not parts.is_whole:
            raise RefusalError(400, "body.form", "the form is cut off")
    if "file" not in form.files:
        raise RefusalError(422, "body.file", "the form has no file; send the recording in a field of that name")
    return form


def too_large(most_bytes: int) -> RefusalError:
    """The refusal of a body that is too long."""
    return RefusalError(413, "body.size", f"the body is longer than the {most_bytes:,} bytes that this server takes")


async def _in_time(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks of a body, as long as they come fast enough."""
    start, num_bytes = time.monotonic(), 0
    while True:
        try:
            async with asyncio.timeout(PAUSE_S):
                chunk = await anext(body, None)
        except TimeoutError:
            chunk = b""
        if chunk is None:
            return
        num_bytes += len(chunk)
        taken_s = time.monotonic() - start
        if not chunk and taken_s >= PAUSE_S or taken_s > GRACE_S and num_bytes < LEAST_BYTES_PER_S * taken_s:
            raise RefusalError(408, "body.slow", f"send at least {LEAST_BYTES_PER_S} bytes a second")
        yield chunk


def clean_name(name: str) -> str:
    """A client's name for a file, as rows have it: without folders, as one line.

    >>> clean_name("../../etc/pass\\nwd"), clean_name("C:\\\\talks\\\\a.wav"), clean_name("..")
    ('passwd', 'a.wav', 'recording')
    """
    name = re.sub(r"[\x00-\x1f\x7f]", "", name.replace("\\", "/").rsplit("/", 1)[-1]).strip()
    return name[-MOST_NAME:] if name.strip(".") else "recording"


class _Parts:
    """Takes the parts of a form as the parser finds them."""

    def __init__(self, form: Form, folder: Path) -> None:
        self._form = form
        self._folder = folder
        self._header: list[bytes] = [b"", b""]
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._value = b""
        self._file: IO[bytes] | None = None
        self._num_parts = 0
        self.is_whole = False

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def callbacks(self) -> Any:
        """What the parser calls."""
        calls: dict[str, Callable[..., None]] = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._add_header(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._add_header(1, data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._add,
            "on_part_end": self._end,
            "on_end": self._finish,
        }
        return calls

    def _begin(self) -> None:
        self._num_parts += 1
        if self._num_parts > MOST_FIELDS:
            raise RefusalError(413, "body.fields", f"a form has at most {MOST_FIELDS} fields")
        self._header, self._headers, self._value = [b"", b""], {}, b""

    def _add_header(self, place: int, data: bytes) -> None:
        self._header[place] += data
        if sum(map(len, self._header)) > MOST_HEADER_BYTES:
            raise RefusalError(431, "body.header", f"a header of the form is longer than {MOST_HEADER_BYTES} bytes")

    def _end_header(self) -> None:
        self._headers[self._header[0].lower()] = self._header[1]
        self._header = [b"", b""]

    def _open(self) -> None:
        """The headers of a part have been read: where what follows goes."""
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name in self._form.fields or self._name in self._form.files:
            raise RefusalError(
                422, "body.field", f"the form has two fields {self._name[:40]!r}; send one recording at a time"
            )
        if self._name in FILES:
            stem, suffixes = FILES[self._name]
            name = clean_name(options.get(b"filename", b"").decode("utf-8", "replace"))
            suffix = next((known for known in suffixes if name.lower().endswith(known)), "")
            path = self._folder / f"{stem}{suffix}"
            self._form.files[self._name], self._form.names[self._name] = path, name
            self._file = open(path, "xb")  # noqa: SIM115

    def _add(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(memoryview(data)[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > MOST_FIELD_BYTES:
            raise RefusalError(413, "body.field", f"{self._name[:40]!r} is longer than {MOST_FIELD_BYTES} bytes")

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            return
        self._form.fields[self._name] = self._value.decode("utf-8", "replace").strip()

    def _finish(self) -> None:
        self.is_whole = True
