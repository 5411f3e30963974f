"""Corrected low-level descriptors against published ones: python results/corrected_descriptors.py DATA RUN RUN [...].

RUN RUN: of one recipe by both, the published ones first, as `python results/experiments.py emotale-chunk-attention`
trains them; DATA holds the corpora. Writes corrected-descriptors.md; the runs themselves stand in README.md
(`collect.py`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from collect import interval, pairs

from emotone.audio.folder import list_audio
from emotone.audio.read import RATE_HZ, load_audio
from emotone.evaluate.compare.runs import compare_runs
from emotone.evaluate.numbers.speaker_intervals import DEFAULT_METHOD
from emotone.evaluate.run_folder import load_run
from emotone.features.extractors.lld import Lld

RESULTS = Path(__file__).resolve().parent
PUBLISHED, CORRECTED = Lld(), Lld(variant="corrected")
MINUTES = (1, 2, 5, 10)
HEAD = """# Corrected low-level descriptors: what changes, and whether it matters

Made by `python results/corrected_descriptors.py`; do not edit. `variant=corrected` of
[the descriptors](../docs/low-level-descriptors.md#corrected) against the published ones, our own both.
"""
SIZES = """## How deltas shrink

{} minutes of LibriSpeech, one file after another: mean absolute delta where it is not 0, in single minutes.
"""
TRAINED = """## Trained on EmoTale-DA, {}

{}; {} utterances, {} speakers.
Chunk-level attention as the recipe `emotale-chunk-attention` has it, {}, by both; seeds, folds and all
else are the same, weights are chosen on validation speakers, and nothing was chosen by these numbers. CCC, mean over
seeds, and its 95% interval over speakers:
"""
END = """## What it says

No difference that these 18 speakers would show; what there is has one sign with one aggregation, the other with the
other. Utterances have {:.1f} seconds (median; the longest {:.1f}), in which
published deltas of the voice shrink least. What the correction is for, that the same seconds have the same deltas
wherever they lie in a recording, such utterances do not test.
"""


def sizes(data: Path) -> list[str]:
    """Mean sizes of deltas of the voice, minute by minute."""
    seconds, parts = 60 * max(MINUTES), []
    for file in list_audio(data / "librispeech"):
        parts.append(load_audio(str(data / "librispeech" / file)))
        if sum(map(len, parts)) >= seconds * RATE_HZ:
            break
    speech = np.concatenate(parts)[: seconds * RATE_HZ]
    names = PUBLISHED.names
    lines = ["| minute | " + " | ".join(f"{what}: published, corrected" for what in ("F0", "voicing", "HNR")) + " |"]
    lines.append("|---|---|---|---|")
    both = [feature(speech) for feature in (PUBLISHED, CORRECTED)]
    for minute in MINUTES:
        frames = slice(int((minute - 1) * 60 / 0.016), int(minute * 60 / 0.016))
        cells = []
        for name in ("F0final_sma_de", "voicingFinalUnclipped_sma_de", "logHNR_sma_de"):
            found = [rows[frames, names.index(name)] for rows in both]
            cells.append(", ".join(f"{np.abs(deltas[deltas != 0]).mean():.2g}" for deltas in found))
        lines.append(f"| {minute} | {' | '.join(cells)} |")
    return lines


def trained(runs: list[Path]) -> list[str]:
    """Metrics of two runs of one recipe, and their paired tests."""
    comparison = compare_runs(runs, ["ccc"]).to_json() | {"intervals": DEFAULT_METHOD}
    first = load_run(runs[0])
    about, aggregation = first.result, first.recipe["system"]["aggregation"]
    size = about["num_utterances"], about["num_speakers"]
    lines = ["| target | system | CCC | deviation over seeds |", "|---|---|---|---|"]
    for result in comparison["results"]:
        for label, value in result["values"].items():
            name, spread = label.removeprefix(first.name).strip(), result["spread"][label]
            lines.append(f"| {result['target']} | {name} | {interval(value)} | {spread:.3f} |")
    its = f"{first.recipe['training']['iterations']} iterations of {first.recipe['training']['batch_size']}"
    head = TRAINED.format(aggregation, about["protocol"], *size, its)
    return [head, *lines, "", pairs(comparison, first.name), ""]


def main(data: Path, runs: list[Path]) -> None:
    """Compare, and write the page."""
    files = [str(data / "emotale-da" / file) for file in list_audio(data / "emotale-da")]
    seconds = [len(load_audio(file)) / RATE_HZ for file in files]
    page = [HEAD, SIZES.format(max(MINUTES)), *sizes(data), ""]
    for place in range(0, len(runs), 2):
        page += trained(runs[place : place + 2])
    page.append(END.format(np.median(seconds), max(seconds)))
    (RESULTS / "corrected-descriptors.md").write_text("\n".join(page), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(run) for run in sys.argv[2:]])
