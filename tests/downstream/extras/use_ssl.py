"""What is said, and a bundle that hears with Whisper-base; the weights come as packages."""

from running import MADE, SPEECH, emotone

assert "country" in emotone("transcribe", SPEECH)
assert "neutral" in emotone("predict", SPEECH, "--model", MADE / "ssl")
