"""`python -m emotone` is the command line, where its own name is not found, or is that of another environment."""

from __future__ import annotations

import sys

from emotone.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
