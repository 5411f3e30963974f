"""The same archive by two actors of Ray on this machine."""

import shutil
from pathlib import Path

import pyarrow.parquet
from running import SPEECH, emotone

Path("calls").mkdir()
for index in range(4):
    shutil.copy(SPEECH, f"calls/{index}.wav")
emotone("archive", "calls", "--to", "out", "--engine", "ray", "--jobs", 2, "--shard-rows", 2, "--quiet")
emotone("archive", "out", "--merge", "all.parquet")
assert pyarrow.parquet.read_table("all.parquet").num_rows == 4
