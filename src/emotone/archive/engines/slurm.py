"""A job script for SLURM: an array whose tasks go through one archive, each beginning with its own share."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from emotone.archive.folder import Archive
from emotone.base.files import replace_file, writing

NAME = "archive.sbatch"
LINES = """#!/bin/bash
# Written by emotone archive. Any number of tasks may run, at any time; run it again and it goes on where it stopped.
#SBATCH --job-name=emotone
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={jobs}
#SBATCH --output={logs}/%A-%a.log
#SBATCH --requeue
{more}export OMP_NUM_THREADS=1
exec {python} -m emotone.cli.main archive {folder} --share "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \\
    --jobs {jobs} --device {device} --quiet
"""


def write_script(archive: Archive, num_tasks: int, jobs: int = 1, device: str = "cpu") -> Path:
    """Write `archive.sbatch` into an archive's folder; returns its path, which is what `sbatch` is given.

    num_tasks: of the array. jobs: processes of each. What a cluster wants besides (partition, time, memory) is given to
    sbatch, whose options go before those of the script. Tasks run the Python that writes this.
    """
    path = archive.folder.absolute() / NAME
    logs = archive.folder.absolute() / "logs"
    text = LINES.format(
        last=num_tasks - 1,
        jobs=jobs,
        device=device,
        logs=logs,
        more="#SBATCH --gres=gpu:1\n" if device == "cuda" else "",
        python=shlex.quote(sys.executable),
        folder=shlex.quote(str(archive.folder.absolute())),
    )
    with writing(path):
        logs.mkdir(exist_ok=True)
        with replace_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        os.chmod(path, 0o755)
    return path
