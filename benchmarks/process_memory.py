"""What a process of a benchmark holds in memory while it trains."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

INTERVAL_S = 0.05


@dataclass
class Memory:
    """What a process held over its training, in MB."""

    anonymous: list[float] = field(default_factory=list)
    mapped: list[float] = field(default_factory=list)

    def sample(self, process: int) -> None:
        """Read both sizes now, where there is such a process."""
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        kb = {
            name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if "Rss" in name
        }
        if kb:  # none in a process that has ended
            self.anonymous.append(kb["RssAnon"] / 1024)
            self.mapped.append(kb["RssFile"] / 1024)


def watch(script: str, *arguments: str) -> Memory:
    """Run `script --train ARGUMENTS` in a process of its own, and look at it from the line on that it prints."""
    memory = Memory()
    with subprocess.Popen(
        [sys.executable, script, "--train", *arguments], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while process.poll() is None:
            memory.sample(process.pid)
            time.sleep(INTERVAL_S)
    if process.returncode:
        sys.exit(process.returncode)
    return memory
