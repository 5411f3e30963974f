"""The job script: valid for bash, and its tasks, run as SLURM would, do all of the archive."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from archives import MakeArchive

from emotone.archive.engines.slurm import write_script
from emotone.archive.status import read_status


def test_the_tasks_of_the_script_do_the_archive(make_archive: MakeArchive, tones_folder: Path) -> None:
    archive = make_archive(rows_per_shard=2)
    path = write_script(archive, num_tasks=2)
    text = path.read_text()
    assert text.startswith("#!/bin/bash\n") and "#SBATCH --array=0-1\n" in text and "--gres" not in text
    assert re.findall(r"--output=(.*)/%A", text) == [str(archive.folder.absolute() / "logs")]
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0
    tasks = [
        subprocess.Popen([path], env={**os.environ, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": "2"})
        for task in range(2)
    ]
    assert [task.wait() for task in tasks] == [1, 1]  # one row has failed
    assert read_status(archive).num_done == 24


def test_gpus_are_asked_for(make_archive: MakeArchive) -> None:
    text = write_script(make_archive(), 4, 2, "cuda").read_text()
    assert "#SBATCH --gres=gpu:1\n" in text and "--cpus-per-task=2\n" in text and "--device cuda" in text
