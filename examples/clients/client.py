"""A client of `emotone serve`: emotions of recordings, or of a stream.

    export EMOTONE_URL=http://127.0.0.1:8642 EMOTONE_TOKEN=...     # what the server printed
    python client.py talk.wav other.mp3                            # a line per utterance
    arecord -t raw -f S16_LE -r 16000 | python client.py -         # the same while one speaks

Needs httpx and websockets.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

import httpx
import websockets.sync.client

URL = os.environ.get("EMOTONE_URL", "http://127.0.0.1:8642")
HEADERS = {"Authorization": f"Bearer {os.environ['EMOTONE_TOKEN']}"}


def show(row: dict) -> None:
    scores = "  ".join(f"{name} {row[name]:.2f}" for name in ("arousal", "dominance", "valence") if row.get(name))
    times = f"{row['start_s']:7.2f} {row['end_s']:7.2f}"
    print(f"{row['file']}  {times}  {row.get('emotion') or '':10} {scores} {row['error']}")


def score(path: str) -> None:
    """A recording: the rows of its utterances. What takes long is a job, which is asked for until it has ended."""
    with httpx.Client(base_url=URL, headers=HEADERS, timeout=120) as client, open(path, "rb") as file:
        answer = client.post("/v1/predictions", files={"file": file}, data={"utterances": "true", "wait": "20"})
        while answer.status_code == 202:
            job = answer.json()
            time.sleep(1)
            state = client.get(f"/v1/jobs/{job['id']}").json()
            print(f"{path}: {state['state']} {state['progress']:.0%}", file=sys.stderr)
            if state["state"] in ("done", "failed"):
                answer = client.get(f"/v1/jobs/{job['id']}/result")
        if answer.status_code not in (200, 422) or "error" in answer.json():
            sys.exit(answer.json()["error"]["message"])
        for row in answer.json():
            show(row)


def listen() -> None:
    """Samples from stdin (16-bit, mono, 16 kHz): a row as each utterance ends."""
    with websockets.sync.client.connect(URL.replace("http", "ws") + "/v1/stream", additional_headers=HEADERS) as stream:

        def send() -> None:
            while data := sys.stdin.buffer.read(3_200):
                stream.send(data)
            stream.send(b"")

        threading.Thread(target=send, daemon=True).start()
        for text in stream:
            message = json.loads(text)
            if message["type"] == "utterance.end" and message["row"]:
                show(message["row"])
            elif message["type"] == "error":
                sys.exit(message["message"])


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        listen() if argument == "-" else score(argument)
