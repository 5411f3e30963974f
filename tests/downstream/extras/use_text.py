"""A bundle of speech and text scores a text alone; the weights of its encoder come as a package."""

from pathlib import Path

from running import MADE, SPEECH, emotone

Path("said.txt").write_text("Ask not what your country can do for you.\n", encoding="utf-8")
assert "text" in emotone("predict", "said.txt", "--model", MADE / "text")
assert "speech" in emotone("predict", SPEECH, "--transcript", "none", "--model", MADE / "text")
