"""Where the command line begins; what it does is in `emotone.cli.verbs`.

Most of a short command's time goes into imports, and an interrupt in them is one line, too: so they come in `main`, and
this file itself loads next to nothing.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # as typing's, whose import takes longer than all else here
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    before = signal.getsignal(signal.SIGINT)
    try:
        if before is signal.default_int_handler:  # not ignored, as in a shell's background, or the caller's
            signal.signal(signal.SIGINT, _end)
    except ValueError:  # in another thread than the one that interrupts go to
        before = None
    from emotone.cli.verbs import run

    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, before)
    return run(arguments)


def _end(*_: object) -> None:
    """End at once: an exception may be lost in the midst of an import, and nothing has begun that would need care."""
    os.write(2, b"emotone: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    import sys

    sys.exit(main())
