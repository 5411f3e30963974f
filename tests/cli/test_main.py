"""Where the command line begins: an interrupt while it imports, and what it leaves as it was."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from emotone.cli.main import main

INTERRUPT = """if True:
    import os, signal, sys
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored below a shell's background
    class Finder:
        def find_spec(self, name, *_):
            if name == {name!r}:
                os.kill(os.getpid(), signal.SIGINT)
    sys.meta_path.insert(0, Finder())
    from emotone.cli.main import main
    sys.exit(main(["predict", "x.wav", "--quiet"]))
"""


@pytest.mark.parametrize("name", ["argparse", "emotone.cli.verbs", "emotone.cli.train", "numpy", "onnxruntime"])
def test_an_interrupt_while_importing_is_one_line(name: str, tmp_path: Path) -> None:
    """Imports of the command line, and of a verb."""
    code = INTERRUPT.format(name=name)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "emotone: interrupted\n")


def test_who_calls_it_keeps_his_handler(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        for handler in (signal.default_int_handler, signal.SIG_IGN):
            signal.signal(signal.SIGINT, handler)
            assert main(["predict"]) == 2 and signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main(["predict"])))
    thread.start()
    thread.join()
    assert codes == [2] and capsys.readouterr().err.count("required: FILE") == 3


def test_what_is_nested_too_deeply_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def recurse(*_: object) -> None:
        recurse()

    monkeypatch.setattr("emotone.cli.listing.print_listing", recurse)
    assert main(["list"]) == 2
    assert capsys.readouterr().err == "emotone: something that was given is nested too deeply to be read\n"
