"""A folder as an archive by two processes: its status, its merged table, its moments."""

import shutil
from pathlib import Path

import pyarrow.parquet
from running import SPEECH, emotone

Path("calls").mkdir()
for index in range(4):
    shutil.copy(SPEECH, f"calls/{index}.wav")
emotone("archive", "calls", "--to", "out", "--jobs", 2, "--shard-rows", 2, "--retrieve-features", "--quiet")
assert "4" in emotone("archive", "out", "--status")
emotone("archive", "out", "--merge", "all.parquet")
table = pyarrow.parquet.read_table("all.parquet")
assert table.num_rows == 4 and len(set(table["arousal"].to_pylist())) == 1
assert "rank" in emotone("retrieve", "out", "--attribute", "arousal", "--highest", 2, "--output", "json")
