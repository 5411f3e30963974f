"""Recordings as telephones and browsers make them (m4a, webm) have scores near those of the sound without loss."""

import av
from running import SPEECH

import emotone as package

predictor = package.load("default")
expected = predictor.predict(SPEECH).scores["arousal"]
for name, codec in (("talk.m4a", "aac"), ("talk.webm", "libopus")):
    with av.open(str(SPEECH)) as source, av.open(name, "w") as target:
        stream = target.add_stream(codec, rate=48_000)
        stream.layout = "mono"
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=48_000, frame_size=960)
        for frame in source.decode(audio=0):
            for part in resampler.resample(frame):
                target.mux(stream.encode(part))
        target.mux(stream.encode(None))
    score = predictor.predict(name).scores["arousal"]
    assert abs(score - expected) < 0.5, (name, score, expected)
