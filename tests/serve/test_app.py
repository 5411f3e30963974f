"""The API: rows are those of the command line, whoever asks and however many do at once."""

from __future__ import annotations

import io
import json
import random
import re
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from served import Served
from voices import spoken

from emotone.cli.main import main

JFK = Path("examples/jfk.wav")


def send(client: httpx.Client, path: Path, to: str = "/v1/predictions", **fields: Any) -> httpx.Response:
    with open(path, "rb") as file:
        return client.post(
            to, files={"file": (path.name, file)}, data={key: str(value) for key, value in fields.items()}
        )


@pytest.fixture(scope="module")
def mixed(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 files of all kinds in one folder: corpora, rates, containers, channels, silence, noise, junk."""
    folder = tmp_path_factory.mktemp("mixed")
    draw = random.Random(1)
    for corpus, count in {"emodb": 10, "ravdess": 8, "nemo": 6, "esc10": 6}.items():
        found = sorted(path for path in (shared / "data" / corpus).rglob("*") if path.suffix in (".flac", ".opus"))
        for path in draw.sample(found, count):
            (folder / path.name).write_bytes(path.read_bytes())
    said = spoken(3.0)
    for form, subtype in (
        ("flac", "PCM_16"),
        ("ogg", "VORBIS"),
        ("ogg", "OPUS"),
        ("mp3", "MPEG_LAYER_III"),
        ("wav", "FLOAT"),
        ("wav", "ULAW"),
        ("aiff", "PCM_24"),
        ("au", "PCM_16"),
    ):
        soundfile.write(folder / f"{subtype}.{form}", said, 16_000, subtype)
    for rate_hz in (8_000, 22_050, 44_100, 48_000):
        samples = np.interp(np.arange(0, len(said), 16_000 / rate_hz), np.arange(len(said)), said)
        soundfile.write(folder / f"{rate_hz}.wav", np.stack([samples, 0.5 * samples], axis=1), rate_hz)
    soundfile.write(folder / "long.wav", np.concatenate([spoken(4.0, seed) for seed in range(12)]), 16_000)
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(folder / "short.wav", said[:100], 16_000)
    soundfile.write(folder / "-formula=.wav", said, 16_000)
    soundfile.write(folder / "Zoë ö 日本 (1).wav", said, 16_000)
    (folder / "junk.wav").write_bytes(bytes(range(256)) * 40)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "cut.wav").write_bytes((folder / "48000.wav").read_bytes()[:5_000])
    (folder / "page.mp3").write_text("<html><script>alert(1)</script></html>")
    (folder / "words.txt").write_text("so good")
    return folder


def printed(folder: Path, files: Sequence[str], arguments: Sequence[str]) -> dict[str, list[str]]:
    """Lines of `emotone predict --json` of files, by their names, which stand in place of their paths."""
    paths = [f"./{name}" for name in files]
    command = [sys.executable, "-m", "emotone.cli.main", "predict", *paths, "--json", "--quiet", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    found: dict[str, list[str]] = {}
    for line in ran.stdout.splitlines():
        name = json.loads(line)["file"].removeprefix("./")
        found.setdefault(name, []).append(line.replace('"./', '"', 1))
    return found


@pytest.mark.parametrize(
    ("fields", "every"),
    [({"utterances": "true"}, 1), ({}, 5), ({"window": "2", "hop": "1"}, 5), ({"channels": "each"}, 5)],
)
def test_rows_are_those_of_the_command_line(server: Served, mixed: Path, fields: dict[str, str], every: int) -> None:
    """Of 50 files of all kinds, asked by 32 clients at once, byte for byte; of a fifth of them by other options."""
    files = sorted(path.name for path in mixed.iterdir())[::every]
    options = [word for name, value in fields.items() for word in (f"--{name}", value) if value != "true"]
    expected = printed(mixed, files, options + ["--utterances"] * ("utterances" in fields))
    assert len(expected) >= 50 // every

    def ask(name: str) -> tuple[str, int, list[str]]:
        with server.client() as client:
            answer = send(client, mixed / name, **{"as": "jsonl"}, **fields)
            return name, answer.status_code, answer.text.splitlines()

    with ThreadPoolExecutor(32) as clients:
        answers = list(clients.map(ask, expected))
    for name, status, lines in answers:
        assert lines == expected[name], name
        assert status == (200 if any(json.loads(line)["arousal"] is not None for line in lines) else 422), name
    assert server.files() == []


def test_formats_are_those_of_output(server: Served, tmp_path: Path) -> None:
    with server.client() as client:
        formats = client.get("/v1/about").json()["formats"]
        for name, suffix in formats.items():
            answer = send(client, JFK, utterances="true", **{"as": name})
            assert answer.status_code == 200, answer.text
            written = tmp_path / f"{name}{suffix}"
            arguments = ["predict", str(JFK), "--utterances", "--output", str(written), "--as", name, "--quiet"]
            assert main(arguments) == 0
            ours, theirs = answer.content, written.read_bytes()
            if suffix in (".xlsx", ".parquet"):  # which hold the time, or compressed names
                assert ours[:4] == theirs[:4] and len(ours) > 1_000
                continue
            words = theirs.decode().replace(str(JFK.absolute().as_uri()), f"./{JFK.name}").replace(str(JFK), JFK.name)
            words = re.sub('DATE=".*?"', "", words)
            assert re.sub('DATE=".*?"', "", ours.decode()) == words, name
            assert "jfk" in answer.headers["content-disposition"]


def test_turns_of_speakers(server: Served, tmp_path: Path) -> None:
    turns = "SPEAKER jfk 1 0.3 2.0 <NA> <NA> Ada <NA> <NA>\nSPEAKER jfk 1 3.0 1.5 <NA> <NA> Bo <NA> <NA>\n"
    with server.client() as client:
        files = {"file": JFK.open("rb"), "speakers": ("turns.rttm", turns.encode())}
        rows = client.post("/v1/predictions", files=files).json()
        assert [(row["speaker"], row["start_s"]) for row in rows] == [("Ada", 0.3), ("Bo", 3.0)]
        others = {"file": ("other.wav", JFK.read_bytes()), "speakers": ("turns.rttm", turns.encode())}
        answer = client.post("/v1/predictions", files=others)
        assert answer.status_code == 422
        assert answer.json()[0]["error"] == "unknown recording in turns.rttm 'other' (known: jfk)"


def test_moments_are_those_of_retrieve(server: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["retrieve", str(JFK), "--attribute", "arousal", "--highest", "3", "--output", "json", "--quiet"]
    assert main(arguments) == 0
    expected = json.loads(capsys.readouterr().out.replace(str(JFK), JFK.name))
    with server.client() as client:
        answer = send(client, JFK, "/v1/moments", attribute="arousal", highest=3)
        assert answer.status_code == 200 and answer.json() == expected
        rows = send(client, JFK, "/v1/moments", attribute="anger", lowest=2, **{"as": "csv"}).text.splitlines()
        assert len(rows) == 3 and rows[0].startswith("rank,file,start_s")
        both = send(client, JFK, "/v1/moments", attribute="anger", lowest=2, highest=2)
        assert both.status_code == 422 and "one of them" in both.json()["error"]["message"]


def events_of(client: httpx.Client, number: str) -> list[dict[str, Any]]:
    with client.stream("GET", f"/v1/jobs/{number}/events") as answer:
        return [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]


@pytest.fixture(scope="module")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four minutes of speech."""
    path = tmp_path_factory.mktemp("minutes") / "four minutes.flac"
    soundfile.write(path, np.concatenate([spoken(5.0, seed % 7) for seed in range(48)]), 16_000)
    return path


def test_a_job_from_its_upload_to_its_page(server: Served, minutes: Path) -> None:
    with server.visitor() as client, server.visitor() as stranger:
        answer = send(client, minutes, wait=0, page="true", utterances="true")
        assert answer.status_code == 202
        job = answer.json()
        assert answer.headers["location"] == f"/v1/jobs/{job['id']}" and job["name"] == minutes.name
        assert client.get(f"/v1/jobs/{job['id']}/result").status_code == 409
        states = events_of(client, job["id"])
        shares = [state["progress"] for state in states]
        assert shares == sorted(shares) and any(0 < share < 1 for share in shares)
        assert states[-1]["state"] == "done" and states[-1]["has_page"]
        assert not any(path.name == "sound" for path in server.files())  # the upload has gone
        table = client.get(f"/v1/jobs/{job['id']}/result", params={"as": "csv"})
        assert len(table.text.splitlines()) > 10 and "four%20minutes.csv" in table.headers["content-disposition"]
        page = client.get(f"/v1/jobs/{job['id']}/page")
        assert "Emotion in four minutes.flac" in page.text and str(server.spool) not in page.text
        assert (
            "script-src 'sha256-" in page.text and page.headers["content-security-policy"] == "frame-ancestors 'self'"
        )
        assert [one["id"] for one in client.get("/v1/jobs").json()] == [job["id"]]
        for other in (stranger, server.client()):  # nobody else's
            assert other.get("/v1/jobs").json() == []
            for way in ("", "/result", "/page", "/events"):
                assert other.get(f"/v1/jobs/{job['id']}{way}").status_code == 404
            assert other.delete(f"/v1/jobs/{job['id']}").status_code == 404
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
        assert client.get(f"/v1/jobs/{job['id']}").status_code == 404
    assert server.files() == []


def test_a_job_that_is_cancelled_leaves_nothing(server: Served, minutes: Path) -> None:
    with server.client() as client:
        job = send(client, minutes, wait=0).json()
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{server.url}/v1/predictions", files={"file": minutes.open("rb")}, headers=server.headers, timeout=1
            )
        deadline = time.monotonic() + 20
        while server.files() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert server.files() == [] and client.get("/v1/jobs").json() == []
        assert send(client, JFK).status_code == 200


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"widow": "3"}, "unknown option 'widow'; did you mean 'window'?"),
        ({"window": "three"}, "window must be a number, not 'three'"),
        ({"window": "0.01"}, "window must be from 0.1 to 600"),
        ({"window": "nan"}, "window must be from 0.1 to 600"),
        ({"hop": "1"}, "give window or curve, too"),
        ({"pause": "1"}, "give utterances, too"),
        ({"utterances": "yes"}, "utterances is true or false, not 'yes'"),
        ({"channels": "0"}, "numbers from 1"),
        ({"model": "defualt"}, "unknown model 'defualt'; did you mean 'default'?"),
        ({"model": "/etc/passwd"}, "unknown model '/etc/passwd'"),
        ({"model": "../../bundles/acted"}, "unknown model"),
        ({"as": ""}, "unknown format ''"),
        ({"as": "srtt", "wait": "0"}, "unknown format 'srtt'"),
        ({"as": "srtt"}, "unknown format 'srtt'; did you mean 'srt'?"),
        ({"wait": "1e9"}, "wait must be from 0 to 300"),
        ({"curve": "true"}, "has no curves"),
    ],
)
def test_options_that_cannot_be(server: Served, fields: dict[str, str], words: str) -> None:
    with server.client() as client:
        answer = send(client, JFK, **fields)
        assert answer.status_code == 422 and words in answer.json()["error"]["message"]
    assert server.files() == []


def test_a_recording_is_no_longer_than_it_may_be_whatever_its_header_says(server: Served) -> None:
    """Twelve minutes are allowed; a FLAC of silence is a thousandth of its samples."""
    bomb = io.BytesIO()
    soundfile.write(bomb, np.zeros((48_000 * 1_200, 1), np.int16), 48_000, format="FLAC")
    assert len(bomb.getvalue()) < 1_000_000
    with server.client() as client:
        answer = client.post("/v1/predictions", files={"file": ("bomb.flac", bomb.getvalue())})
        assert answer.status_code == 422
        assert answer.json()[0]["error"] == "is longer than the 0.2 hours that this server takes"
        wide = io.BytesIO()
        soundfile.write(wide, np.zeros((96_000 * 100, 8), np.int16), 96_000, format="FLAC")
        answer = client.post("/v1/predictions", files={"file": ("wide.flac", wide.getvalue())})
        assert answer.status_code == 422 and "holds more than the 69,120,000 samples" in answer.json()[0]["error"]


def test_archives_and_documents_are_no_recordings(server: Served, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../talk.wav", JFK.read_bytes())
        archive.writestr("zeros", bytes(10_000_000))
    cases = {
        "talk.zip": packed.getvalue(),
        "talk.wav": packed.getvalue(),
        "list.m3u8": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        "page.html": b"<html><script>alert(1)</script>",
    }
    with server.client() as client:
        for name, content in cases.items():
            answer = client.post("/v1/predictions", files={"file": (name, content)})
            assert answer.status_code == 422 and answer.json()[0]["error"].startswith("is not audio"), name
    assert server.files() == []


def test_pages_and_descriptions(server: Served) -> None:
    with server.client() as client:
        assert "<h2><code>POST /v1/predictions" in client.get("/docs").text
        schema = client.get("/openapi.json").json()
        body = schema["paths"]["/v1/predictions"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
        assert {"file", "speakers", "model", "utterances", "as", "wait"} <= body["properties"].keys()
        models = client.get("/v1/models").json()
        assert models[0]["name"] == "default" and models[0]["is_default"] and "small" in [one["name"] for one in models]
        assert "emotone_jobs_total" in client.get("/metrics").text
        assert client.get("/v1/nothing").json()["error"]["name"] == "page.unknown"
        assert client.put("/v1/models").status_code == 405
        assert client.get("/assets/..%2f..%2fapp.py").status_code == 404


def test_behind_a_proxy_and_with_all_workers_at_work(tmp_path: Path) -> None:
    """A proxy may leave the root path or take it away; what there is is told though a recording keeps all workers."""
    soundfile.write(tmp_path / "long.wav", spoken(240.0), 16_000)
    served = Served(tmp_path / "spool", ["--workers", "1", "--model", "small", "--root-path", "/emotion"])
    try:
        with httpx.Client(base_url=served.url.removesuffix("/emotion"), headers=served.headers, timeout=60) as client:
            job = send(client, tmp_path / "long.wav", wait=0, page="true").json()
            while client.get(f"/v1/jobs/{job['id']}").json()["progress"] == 0:
                time.sleep(0.02)
            for root in ("", "/emotion"):
                assert client.get(f"{root}/v1/about").json()["models"][0]["name"] == "small"
                assert client.get(f"{root}/assets/app.css").status_code == 200
                answer = client.get(f"{root}/", params={"token": served.token})
                assert answer.headers["location"] == "/emotion/" and "Path=/emotion;" in answer.headers["set-cookie"]
            assert client.get(f"/emotion/v1/jobs/{job['id']}").json()["state"] == "running"
            client.delete(f"/v1/jobs/{job['id']}")
    finally:
        served.stop()


def test_formats_that_are_asked_for_at_once(server: Served) -> None:
    with server.client() as client:
        number = send(client, JFK, wait=0, utterances="true").json()["id"]
        events_of(client, number)

        def export(form: str) -> int:
            return client.get(f"/v1/jobs/{number}/result", params={"as": form}).status_code

        with ThreadPoolExecutor(12) as threads:
            assert set(threads.map(export, ["csv", "srt", "parquet", "json"] * 12)) == {200}
        assert not any(path.parent.name.startswith("export-") for path in server.files())
        assert client.get(f"/v1/jobs/{number}/result?as=x").status_code == 422
        assert client.get(f"/v1/jobs/{number}/page?download=x").json()["error"]["name"] == "request.option"
        client.delete(f"/v1/jobs/{number}")


def test_a_job_that_is_deleted_while_it_comes_is_gone(server: Served) -> None:
    """Half an upload, its end by another request, the rest."""
    with server.client() as client:
        begun = threading.Event()

        def slowly() -> Iterator[bytes]:
            yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + b"x" * 70_000
            begun.wait(20)
            yield b"x" * 10 + b"\r\n--B--\r\n"

        def delete() -> None:
            jobs = []
            while not jobs:
                jobs = [job for job in client.get("/v1/jobs").json() if job["state"] == "uploading"]
            assert client.delete(f"/v1/jobs/{jobs[0]['id']}").status_code == 204
            begun.set()

        thread = threading.Thread(target=delete)
        thread.start()
        headers = server.headers | {"Content-Type": "multipart/form-data; boundary=B"}
        answer = httpx.post(f"{server.url}/v1/predictions", content=slowly(), headers=headers, timeout=30)
        thread.join()
        assert answer.status_code == 410 and answer.json()["error"]["name"] == "job.cancelled"


def test_turns_that_cannot_be(server: Served) -> None:
    cases = {
        "a.rttm": b"SPEAKER jfk 1 0.3 1e300 <NA> <NA> Ada <NA> <NA>\n",
        "a.csv": b"start_s,end_s,speaker\n0,1," + b"x" * 200_000 + b"\n",
        "b.csv": b"begin,end\n1,2\n",
        "b.rttm": b"SPEAKER jfk 1 nan 1 <NA> <NA> Ada <NA> <NA>\n",
        "c.rttm": b"PK\x03\x04" * 100,
        "c.csv": b"start_s,end_s,speaker\n0,1,\n",
    }
    with server.client() as client:
        for name, content in cases.items():
            files = {"file": ("jfk.wav", JFK.read_bytes()), "speakers": (name, content)}
            answer = client.post("/v1/predictions", files=files)
            assert answer.status_code == 422, name
            words = answer.json()["error"]["message"]
            assert words.startswith(f"turns.{name[2:]}") and "Error" not in words, words
