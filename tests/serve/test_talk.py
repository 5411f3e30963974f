"""What a stream says: the rows of `emotone listen`, and between them how it sounds now."""

from __future__ import annotations

import numpy as np
import pytest
from voices import spoken

from emotone.audio.utterances import UtteranceRules
from emotone.predict.predictor import Predictor
from emotone.predict.stream import Stream
from emotone.serve.talk import Message, Talk

SILENCE = np.zeros(16_000, np.float32)
SAID = np.concatenate([SILENCE, spoken(3.0), SILENCE, spoken(2.0, 1), SILENCE, spoken(9.0, 2)])
PCM = (SAID * 32767).astype("<i2")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.load("small", threads=1)


def said(predictor: Predictor, size: int, rules: UtteranceRules) -> list[Message]:
    talk = Talk(predictor, rules)
    data = PCM.tobytes()
    found = [message for start in range(0, len(data), size) for message in talk.hear(data[start : start + size])]
    return found + talk.close()


@pytest.mark.parametrize("rules", [UtteranceRules(), UtteranceRules(longest_s=2.0)])
def test_messages_come_in_order_however_samples_do(predictor: Predictor, rules: UtteranceRules) -> None:
    messages = said(predictor, 3_200, rules)
    stream = Stream(predictor, rules=rules)
    expected = stream.feed(PCM.astype(np.float32) / np.float32(2**15)) + stream.close()
    rows = [message["row"] for message in messages if message["type"] == "utterance.end" and message["row"]]
    assert rows == expected and len(rows) >= 3
    begun = [message for message in messages if message["type"] in ("utterance.start", "utterance.end")]
    assert [message["type"] for message in begun] == ["utterance.start", "utterance.end"] * (len(begun) // 2)
    for start, end in zip(begun[::2], begun[1::2], strict=True):
        assert end["row"] is None or start["start_s"] == pytest.approx(end["row"]["start_s"], abs=1e-3)
    results = [message for message in messages if message["type"] == "result"]
    assert len(results) == len(PCM) // 16_000
    assert [result["time_s"] for result in results] == pytest.approx(range(1, len(results) + 1), abs=0.1)
    for result in results:
        row = result["row"]
        assert row is None or (row["end_s"] - row["start_s"] <= 3.001 and row["end_s"] <= result["time_s"] + 0.001)
    assert results[0]["row"] is None and results[3]["row"]["arousal"] is not None


def test_sizes_of_messages_change_nothing_but_the_moment(predictor: Predictor) -> None:
    def ends(size: int) -> list[Message]:
        return [message for message in said(predictor, size, UtteranceRules()) if message["type"] == "utterance.end"]

    assert ends(642) == ends(65_536)
