"""A server under load: answers lost or mixed up, the time of a short file, memory, what is left over.

Clients on loopback, of which each waits a while between its requests: short files of 3 s, an hour, junk, clients that
hang up, uploads of 1 byte/s, and WebSockets on which nobody speaks. Every answer is compared with the rows of `emotone
predict`. Before it, without load: how long the server takes to be up, against one prediction, and its memory.

    python benchmarks/bench_serve.py [--minutes 10] [--clients 64]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
import psutil
import soundfile
import websockets

EMOTONE = [sys.executable, "-m", "emotone.cli.main"]
PAUSE_S = 6.0
"""Mean of the pause between two requests of a client: 64 of them make about ten requests a second."""
NUM_SHORT, NUM_IDLE, NUM_SLOW = 12, 200, 4


class Server:
    """The server under test."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        command = [*EMOTONE, "serve", "--port", "0", "--workers", "2", "--quiet", "--spool", str(spool)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url, _, token = self.process.stdout.readline().strip().partition("/?token=")
        self.headers = {"Authorization": f"Bearer {token}"}

    def memory(self) -> float:
        """MB of the server and its workers, what they share counted once."""
        own = psutil.Process(self.process.pid)
        total = 0.0
        for process in [own, *own.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += process.memory_full_info().pss / 1e6
        return total

    def files(self) -> int:
        return sum(path.is_file() and path.name != "lock" for path in self.spool.rglob("*"))


def measure_start(folder: Path, rounds: int = 5) -> tuple[float, float]:
    """The time until a server answers against that of one prediction, the least of several each; its memory, MB."""
    jfk = str(Path("examples/jfk.wav").absolute())
    predict, up, memory = [], [], 0.0
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run([*EMOTONE, "predict", jfk], capture_output=True, check=True)
        predict.append(time.perf_counter() - began)
        began = time.perf_counter()
        server = Server(folder / "start")
        httpx.get(f"{server.url}/healthz").raise_for_status()
        up.append(time.perf_counter() - began)
        time.sleep(1)
        memory = max(memory, server.memory())
        server.process.terminate()
        server.process.wait()
    return min(up) / min(predict), memory


def make_files(folder: Path) -> tuple[list[Path], Path]:
    """Short files of 3 s, all different, and an hour."""
    samples, rate_hz = soundfile.read("examples/jfk.wav", dtype="float32")
    draw = np.random.default_rng(0)
    short = []
    for number in range(NUM_SHORT):
        first = int(draw.integers(0, len(samples) - 3 * rate_hz))
        path = folder / f"short-{number}.wav"
        soundfile.write(path, samples[first:][: 3 * rate_hz] * draw.uniform(0.3, 1.0), rate_hz)
        short.append(path)
    hour = folder / "hour.flac"
    with soundfile.SoundFile(hour, "w", rate_hz, 1) as file:
        for _ in range(3600 // 11):
            file.write(samples)
    return short, hour


def expected_rows(paths: list[Path]) -> dict[str, list[str]]:
    """Lines of `emotone predict --json` by the name of the file."""
    found: dict[str, list[str]] = {}
    names = [f"./{path.name}" for path in paths]
    ran = subprocess.run([*EMOTONE, "predict", *names, "--json"], capture_output=True, text=True, cwd=paths[0].parent)
    for line in ran.stdout.splitlines():
        found.setdefault(json.loads(line)["file"].removeprefix("./"), []).append(line.replace('"./', '"', 1))
    return found


class Load:
    """The clients, and what they have seen."""

    def __init__(
        self, server: Server, short: list[Path], hour: Path, expected: dict[str, list[str]], end: float
    ) -> None:
        self._server = server
        self._content = {path.name: path.read_bytes() for path in (*short, hour)}
        self._short = [path.name for path in short]
        self._hour = hour.name
        self._expected = expected
        self._end = end
        self.seen: Counter[str] = Counter()
        self.times: list[float] = []
        self.hour_times: list[float] = []
        self.wrong: list[str] = []

    async def short_client(self, seed: int) -> None:
        draw = random.Random(seed)
        async with httpx.AsyncClient(base_url=self._server.url, headers=self._server.headers, timeout=120) as client:
            while time.monotonic() < self._end:
                await asyncio.sleep(draw.expovariate(1 / PAUSE_S))
                kind = draw.choices(["short", "junk", "hang up"], [0.85, 0.1, 0.05])[0]
                if kind == "short":
                    await self._ask(client, draw.choice(self._short), self.times)
                elif kind == "junk":
                    await self._junk(client, draw)
                else:
                    with contextlib.suppress(httpx.TimeoutException):
                        files = {"file": (self._hour, self._content[self._hour])}
                        await client.post("/v1/predictions", files=files, timeout=draw.uniform(0.05, 1))
                    self.seen["hung up"] += 1

    async def hour_client(self) -> None:
        async with httpx.AsyncClient(base_url=self._server.url, headers=self._server.headers, timeout=600) as client:
            while time.monotonic() < self._end:
                await self._ask(client, self._hour, self.hour_times)
                await asyncio.sleep(20)

    async def _ask(self, client: httpx.AsyncClient, name: str, times: list[float]) -> None:
        began = time.perf_counter()
        data = {"as": "jsonl", "wait": "300"}
        answer = await client.post("/v1/predictions", files={"file": (name, self._content[name])}, data=data)
        times.append(time.perf_counter() - began)
        if answer.status_code in (429, 503):
            self.seen["asked to come later"] += 1
        elif answer.text.splitlines() != self._expected[name]:
            self.wrong.append(f"{name}: {answer.status_code} {answer.text[:200]}")
        else:
            self.seen["right"] += 1

    async def _junk(self, client: httpx.AsyncClient, draw: random.Random) -> None:
        answer = await client.post("/v1/predictions", files={"file": ("junk.wav", draw.randbytes(5_000))})
        self.seen["junk refused"] += answer.status_code == 422
        if answer.status_code != 422:
            self.wrong.append(f"junk: {answer.status_code}")

    async def slow_client(self) -> None:
        """One byte a second, until the server leaves."""
        port = int(self._server.url.split(":")[2])
        head = "".join(f"{name}: {value}\r\n" for name, value in self._server.headers.items())
        kind = "Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 1000000\r\n"
        while time.monotonic() < self._end:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            part = '--B\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
            writer.write(f"POST /v1/predictions HTTP/1.1\r\nHost: localhost\r\n{head}{kind}\r\n{part}".encode())
            answer = asyncio.create_task(reader.read())
            while not answer.done():
                with contextlib.suppress(OSError):
                    writer.write(b"-")
                await asyncio.sleep(1)
            with contextlib.suppress(OSError):
                assert b"408" in await answer
            self.seen["slow left"] += 1
            writer.close()

    async def idle_streams(self) -> None:
        """WebSockets on which nobody speaks; one of them does at the end, and is answered."""
        address = f"{self._server.url.replace('http', 'ws')}/v1/stream"
        async with contextlib.AsyncExitStack() as stack:
            streams = [
                await stack.enter_async_context(websockets.connect(address, additional_headers=self._server.headers))
                for _ in range(NUM_IDLE)
            ]
            await asyncio.sleep(max(0.0, self._end - time.monotonic()))
            for stream in streams:
                await stream.send(bytes(3_200))
                assert json.loads(await stream.recv())["type"] == "session.created"
                self.seen["idle streams alive"] += 1


async def run_load(load: Load, server: Server, clients: int, seconds: float) -> list[float]:
    """All clients until the end; the memory as it was, MB."""
    tasks = [asyncio.create_task(load.short_client(seed)) for seed in range(clients)]
    tasks += [asyncio.create_task(load.slow_client()) for _ in range(NUM_SLOW)]
    tasks += [asyncio.create_task(load.hour_client()), asyncio.create_task(load.idle_streams())]
    memory = []
    while not all(task.done() for task in tasks):
        await asyncio.sleep(5)
        memory.append(await asyncio.to_thread(server.memory))
    for task in tasks:
        task.result()
    return memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        ratio, memory = measure_start(folder)
        print(f"up in {ratio:.2f} times one prediction (at most 1.5), then {memory:.0f} MB (at most 200)")
        short, hour = make_files(folder)
        expected = expected_rows([*short, hour])
        server = Server(folder / "spool")
        load = Load(server, short, hour, expected, time.monotonic() + 60 * options.minutes)
        used = asyncio.run(run_load(load, server, options.clients, 60 * options.minutes))
        processes = psutil.Process(server.process.pid).children(recursive=True)
        left = server.files()
        server.process.terminate()
        code = server.process.wait(60)
        p50, p95 = np.percentile(load.times, [50, 95])
        print(f"{options.minutes:g} minutes, {options.clients} clients: {dict(load.seen)}")
        print(f"a file of 3 s ({len(load.times)}): median {p50:.3f} s, 95% below {p95:.3f} s (at most 1)")
        print(f"an hour ({len(load.hour_times)}): {np.mean(load.hour_times):.1f} s" if load.hour_times else "no hour")
        print(
            f"memory of server and workers, MB: {used[0]:.0f} at first, {max(used):.0f} at most, {used[-1]:.0f} at last"
        )
        _, alive = psutil.wait_procs(processes, 5)
        print(f"exit code {code}; left over: {left} files, {len(alive)} processes; wrong answers: {len(load.wrong)}")
        for line in load.wrong[:5]:
            print("  ", line)


if __name__ == "__main__":
    main()
