"""What the programs beside this one share: the command line of their environment, and what they are given.

Each is run as `python use_EXTRA.py SPEECH MADE` in an empty folder. MADE is a folder of bundles that `use_all.py`
leaves there, with which some extras predict.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SPEECH, MADE = Path(sys.argv[1]), Path(sys.argv[2])
COMMAND = str(Path(sys.executable).with_name("emotone.exe" if os.name == "nt" else "emotone"))
ENVIRONMENT = os.environ | {"EMOTONE_CACHE": str(Path("cache").resolve()), "HF_HUB_OFFLINE": "1"}


def emotone(*arguments: object, input_text: str | None = None) -> str:
    """What the command line prints to stdout; ends the program with its words where it fails."""
    command = [COMMAND, *map(str, arguments)]
    done = subprocess.run(command, env=ENVIRONMENT, input=input_text, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"emotone {' '.join(map(str, arguments))}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout
