"""An archive whose recordings are a member of a zip file, one of a tar file, and at a web server of this machine.

The clients of S3, Google's storage and SFTP are imported; there is no server of theirs.
"""

import http.server
import tarfile
import threading
import zipfile
from pathlib import Path

import gcsfs  # noqa: F401
import paramiko  # noqa: F401
import pyarrow.parquet
import s3fs  # noqa: F401
from running import SPEECH, emotone

with zipfile.ZipFile("calls.zip", "w") as archive:
    archive.write(SPEECH, "a/talk.wav")
with tarfile.open("calls.tar", "w") as archive:
    archive.add(SPEECH, "a/talk.wav")
Path("talk.wav").write_bytes(SPEECH.read_bytes())
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
addresses = [
    f"zip://a/talk.wav::{Path('calls.zip').resolve()}",
    f"tar://a/talk.wav::{Path('calls.tar').resolve()}",
    f"http://127.0.0.1:{server.server_port}/talk.wav",
]
Path("manifest.csv").write_text("\n".join(["file", *addresses]) + "\n", encoding="utf-8")
emotone("archive", "manifest.csv", "--to", "out", "--quiet")
emotone("archive", "out", "--merge", "all.parquet")
rows = pyarrow.parquet.read_table("all.parquet").to_pylist()
assert len(rows) == 3 and not any(row["error"] for row in rows) and len({row["arousal"] for row in rows}) == 1, rows
