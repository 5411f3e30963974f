"""The server starts, is healthy, lets nobody in without its token, scores a recording as the library does."""

import http.client
import json
import re
import subprocess

from running import COMMAND, ENVIRONMENT, SPEECH

import emotone as package

TOKEN = "sixteen-or-more-signs"
command = [COMMAND, "serve", "--port", "0", "--workers", "1", "--token", TOKEN]
server = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
try:
    assert server.stdout
    port = next(int(match[1]) for line in server.stdout if (match := re.search(r"http://[\w.]+:(\d+)", line)))

    def ask(method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    assert ask("GET", "/healthz") == (200, b'{"status":"ok"}')
    assert ask("GET", "/v1/models")[0] == 401
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="talk.wav"\r\n\r\n%s\r\n'
    form = (
        form % SPEECH.read_bytes()
        + b'--x\r\nContent-Disposition: form-data; name="utterances"\r\n\r\nfalse\r\n--x--\r\n'
    )
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "multipart/form-data; boundary=x"}
    status, answer = ask("POST", "/v1/predictions", form, **headers)
    assert status == 200, answer
    (row,) = json.loads(answer)
    assert abs(row["arousal"] - package.load("default").predict(SPEECH).scores["arousal"]) < 1e-3, row
finally:
    server.terminate()
    server.wait(30)
