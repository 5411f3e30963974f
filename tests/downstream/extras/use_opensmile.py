"""openSMILE's functionals in a bundle, on the runtime alone."""

import importlib.util

from running import MADE, SPEECH, emotone

assert importlib.util.find_spec("torch") is None
assert "neutral" in emotone("predict", SPEECH, "--model", MADE / "opensmile")
