"""Two processes by `torchrun` on this machine."""

from __future__ import annotations

import os
import subprocess
import sys


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What a script (or `-m` and a module) and its arguments print and return, run by two processes at once."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)
