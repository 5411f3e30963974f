"""Forms as they come: names that lead elsewhere, bodies that are too long, too slow, cut off or none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from served import Served

from emotone.serve import upload
from emotone.serve.refusal import RefusalError
from emotone.serve.upload import Form, clean_name, receive_form

KIND = "multipart/form-data; boundary=B"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    return f'--B\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"


def receive(body: bytes, folder: Path, size: int = 7, most: int = 10_000, kind: str = KIND) -> Form:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    return asyncio.run(receive_form(chunks(), kind, folder, most))


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_a_form(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) + b"\r\n--B-\r\n"
    body = part("window", b"2.5") + part("file", content, "Zoë.wav") + part("speakers", b"x", "a.RTTM") + b"--B--\r\n"
    form = receive(body, tmp_path, size)
    assert form.fields == {"window": "2.5"} and form.names == {"file": "Zoë.wav", "speakers": "a.RTTM"}
    assert form.files["file"].read_bytes() == content and form.num_bytes == len(body)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sound", "turns.rttm"]


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "/etc/cron.d/x",
        "..\\\\..\\\\x.wav",
        "a/../../b.wav",
        "C:\\\\x.wav",
        "x\x00.wav",
        "",
        "..",
        "~/x",
    ],
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "deep" / "job"
    folder.mkdir(parents=True)
    form = receive(part("file", b"sound", name) + b"--B--\r\n", folder)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / "sound"]
    assert "/" not in form.names["file"] and "\\" not in form.names["file"] and form.names["file"]


@given(st.text())
def test_names_are_one_line_without_folders(name: str) -> None:
    cleaned = clean_name(name)
    assert cleaned and len(cleaned) <= 255 and cleaned not in (".", "..")
    assert not any(sign in cleaned for sign in "/\\\x00\n\r")


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"{}", "application/json", 415, "send a form"),
        (b"", "multipart/form-data", 415, "send a form"),
        (b"", KIND, 400, "cut off"),
        (b"x", f"{KIND}{'B' * 500}", 400, "damaged"),
        (part("file", b"sound", "a.wav"), KIND, 400, "cut off"),
        (b"no form at all", KIND, 400, "damaged"),
        (part("window", b"1") + b"--B--\r\n", KIND, 422, "has no file"),
        (part("file", b"1", "a") + part("file", b"2", "b") + b"--B--\r\n", KIND, 422, "one recording at a time"),
        (part("window", b"1" * 3_000) + b"--B--\r\n", KIND, 413, "longer than 2000 bytes"),
        (b"".join(part(f"f{number}", b"") for number in range(40)), KIND, 413, "at most 32 fields"),
        (part("n" * 5_000, b"") + b"--B--\r\n", KIND, 431, "header of the form"),
        (part("file", b"x" * 20_000, "a.wav") + b"--B--\r\n", KIND, 413, "10,000 bytes"),
    ],
)
def test_what_is_no_form(tmp_path: Path, body: bytes, kind: str, status: int, words: str) -> None:
    with pytest.raises(RefusalError) as refused:
        receive(body, tmp_path, kind=kind)
    assert refused.value.status == status and words in refused.value.message


def test_who_sends_too_slowly_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "GRACE_S", 0.2)
    monkeypatch.setattr(upload, "PAUSE_S", 0.5)

    async def drops() -> AsyncIterator[bytes]:
        yield part("file", b"", "a.wav")[:-2]
        while True:
            await asyncio.sleep(0.05)
            yield b"x"

    async def silence() -> AsyncIterator[bytes]:
        yield part("file", b"", "a.wav")[:-2]
        await asyncio.sleep(60)

    for number, body in enumerate((drops(), silence())):
        folder = tmp_path / str(number)
        folder.mkdir()
        began = time.monotonic()
        with pytest.raises(RefusalError, match="body.slow"):
            asyncio.run(receive_form(body, KIND, folder, 10_000))
        assert time.monotonic() - began < 5


def test_a_body_that_is_too_long_is_refused_before_it_is_read(server: Served) -> None:
    head = f"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n"
    declared = f"{head}Content-Type: {KIND}\r\nContent-Length: 10000000000\r\n\r\n"
    answer = server.raw(declared.encode())
    assert answer.startswith(b"HTTP/1.1 413") and b"40,000,000 bytes" in answer
    assert server.files() == []


def test_a_body_without_a_length_is_counted(server: Served) -> None:
    def chunks() -> object:
        yield part("file", b"", "a.wav")[:-2]
        for _ in range(100):
            yield bytes(1_000_000)

    try:
        headers = server.headers | {"Content-Type": KIND}
        answer = httpx.post(f"{server.url}/v1/predictions", content=chunks(), headers=headers, timeout=60)  # type: ignore[arg-type]
        assert answer.status_code == 413
    except httpx.WriteError:  # the server has hung up while we were sending
        pass
    deadline = time.monotonic() + 5
    while server.files() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.files() == []


def test_names_with_script_are_text_everywhere(server: Served) -> None:
    name = "<img src=x onerror=alert(1)>.wav"
    said = Path("examples/jfk.wav").read_bytes()
    with server.visitor() as client:
        answer = client.post("/v1/predictions", files={"file": (name, said)}, data={"wait": "0", "page": "true"})
        number = answer.json()["id"]
        while client.get(f"/v1/jobs/{number}").json()["state"] in ("queued", "running"):
            time.sleep(0.05)
        page = client.get(f"/v1/jobs/{number}/page").text
        assert "<img" not in page and "&lt;img src=x onerror=alert(1)&gt;" in page
        saved = client.get(f"/v1/jobs/{number}/page?download=true").headers["content-disposition"]
        assert "<" not in saved
        client.delete(f"/v1/jobs/{number}")
