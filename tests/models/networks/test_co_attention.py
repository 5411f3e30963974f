"""The co-attention network against reference outputs and against torch's own attention, utterance by utterance."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from emotone.models.networks.co_attention import CoAttention, rename_published

B, L, D, D_TEXT, H = 4, 9, 14, 6, 12
SPEECH_LENGTH, TEXT_LENGTH = torch.tensor([9, 3, 0, 5]), torch.tensor([2, 9, 7, 0])


def network(**settings: Any) -> CoAttention:
    """A small network in evaluation mode with weights large enough that every path shows."""
    torch.manual_seed(3)
    model = CoAttention(D, D_TEXT, {"arousal": 1, "emotion": 3}, H, num_heads=3, **settings)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.uniform_(0.5, 1.5) if "norm" in name else parameter.mul_(2).add_(torch.randn_like(parameter) / 5)
    return model.double().eval()


def streams(num_steps: int = L) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(4)
    speech, text = (torch.randn(B, num_steps, size, dtype=torch.float64, generator=random) for size in (D, D_TEXT))
    return speech, text


# ---- the oracle: one utterance, without padding but what co-attention needs, by nn.MultiheadAttention -----------


def place(steps: Tensor) -> Tensor:
    placed = steps.clone()
    for step in range(steps.shape[0]):
        for feature in range(steps.shape[1]):
            angle = step / 10_000 ** (2 * (feature // 2) / steps.shape[1])
            placed[step, feature] += np.cos(angle) if feature % 2 else np.sin(angle)
    return placed


def attend(layer: Any, own: Tensor, asking: Tensor, length: int) -> Tensor:
    """One layer over [L, H], of which the first `length` steps are not padding."""
    attention = nn.MultiheadAttention(H, 3, batch_first=True).double()
    attention.in_proj_weight, attention.in_proj_bias = layer.query_key_value.weight, layer.query_key_value.bias
    attention.out_proj = layer.output
    steps = attention(asking[None], own[None, :length], own[None, :length], need_weights=False)[0][0]
    steps[length:] = 0
    steps = layer.norm_1(own + steps)
    steps[length:] = 0
    return layer.norm_2(steps + F.gelu(steps @ layer.widen.weight.T) @ layer.narrow.weight.T)


def score(model: Any, speech: Tensor, text: Tensor) -> dict[str, Tensor]:
    """Outputs for one utterance's chunks [C, D] and tokens [W, D']."""
    num_steps, begun = 1 + max(len(speech), len(text)), []
    for project, steps in ((model.speech, speech), (model.text, text)):
        padded = torch.zeros(num_steps, steps.shape[1], dtype=torch.float64)
        padded[0], padded[1 : 1 + len(steps)] = 1, steps
        begun.append(place(padded @ project.weight.T))
    (spoken, written), spoken_length, written_length = begun, 1 + len(speech), 1 + len(text)
    for layer in model.speech_layers:
        spoken = attend(layer, spoken, spoken, spoken_length)
    for layer in model.text_layers:
        written = attend(layer, written, written, written_length)
    for number in range(len(model.text_co_layers)):
        before = spoken, written
        spoken = attend(model.speech_co_layers[number], before[0], before[1], spoken_length)
        written = attend(model.text_co_layers[number], before[1], before[0], written_length)
    vector = torch.cat([spoken[0], written[0]])
    return {name: head[2](torch.relu(head[0](vector))) for name, head in model.heads.items()}


# ---- tests ------------------------------------------------------------------------------------------------------


def test_the_published_network_is_the_same(shared: Path) -> None:
    golden = np.load(shared / "golden/co_attention.npz")
    named = {key.removeprefix("weight:"): torch.from_numpy(golden[key]) for key in golden if key.startswith("weight:")}
    targets = ("arousal", "dominance", "valence")
    model = CoAttention(7168, 768, dict.fromkeys(targets, 1), hidden_size=16).eval()
    model.load_state_dict(rename_published(named))
    speech, text = (torch.from_numpy(golden[name].astype(np.float32))[:, 1:] for name in ("speech", "text"))
    lengths = (torch.from_numpy(golden[f"{name}_length"]) - 1 for name in ("speech", "text"))  # without the summary
    with torch.inference_mode():
        outputs = model(speech, text, *lengths)
    for name in targets:
        np.testing.assert_allclose(outputs[name].numpy(), golden[name], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("num_self_layers", "num_co_layers"), [(3, 2), (1, 3), (0, 1)])
def test_batches_equal_torchs_attention_utterance_by_utterance(num_self_layers: int, num_co_layers: int) -> None:
    model = network(num_self_layers=num_self_layers, num_co_layers=num_co_layers)
    speech, text = streams()
    with torch.no_grad():
        outputs = model(speech, text, SPEECH_LENGTH, TEXT_LENGTH)
        for row, (num_chunks, num_tokens) in enumerate(zip(SPEECH_LENGTH, TEXT_LENGTH, strict=True)):
            expected = score(model, speech[row, :num_chunks], text[row, :num_tokens])
            torch.testing.assert_close(outputs["arousal"][row, None], expected["arousal"], atol=1e-6, rtol=0)
            torch.testing.assert_close(outputs["emotion"][row], expected["emotion"], atol=1e-6, rtol=0)


def test_padding_changes_nothing() -> None:
    model, (speech, text) = network(), streams()
    wide_speech, wide_text = (torch.full((B, 17, part.shape[2]), 9.0, dtype=torch.float64) for part in (speech, text))
    for row in range(B):
        wide_speech[row, : SPEECH_LENGTH[row]] = speech[row, : SPEECH_LENGTH[row]]
        wide_text[row, : TEXT_LENGTH[row]] = text[row, : TEXT_LENGTH[row]]
    with torch.inference_mode():
        narrow = model(speech, text, SPEECH_LENGTH, TEXT_LENGTH)["emotion"]
        wide = model(wide_speech, wide_text, SPEECH_LENGTH, TEXT_LENGTH)["emotion"]
    torch.testing.assert_close(wide, narrow, atol=1e-12, rtol=0)


def test_what_is_absent_is_not_looked_at_and_what_is_there_is() -> None:
    model, (speech, text) = network(), streams()
    none, all_steps = torch.zeros(B, dtype=torch.int64), torch.full((B,), L)
    with torch.inference_mode():
        vectors = model.embed(speech, text, all_steps, none)
        assert torch.equal(vectors, model.embed(speech, text.flip(0), all_steps, none))
        others = model.embed(speech.flip(0), text, all_steps, none)
    spoken, written = vectors.split(H, dim=1)
    assert not torch.allclose(spoken, others[:, :H])  # the speech that is there makes the difference ..
    torch.testing.assert_close(written, written[:1].expand(B, H), atol=1e-12, rtol=0)  # .. and its absence none


def test_nothing_at_all_is_scored_too() -> None:
    none = torch.zeros(B, dtype=torch.int64)
    with torch.inference_mode():
        model = network()
        outputs = model(*streams(), none, none)["arousal"]
        empty = model(*streams(0), none, none)["arousal"]
    assert outputs.isfinite().all() and outputs.std() < 1e-12
    torch.testing.assert_close(outputs, empty)


def test_every_parameter_learns() -> None:
    model = network().train()
    outputs = model(*streams(), SPEECH_LENGTH, TEXT_LENGTH)
    (outputs["arousal"].square().sum() + outputs["emotion"].square().sum()).backward()
    silent = {name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()}
    assert silent == set()


def test_modality_dropout_loses_either_stream_of_those_that_have_both() -> None:
    torch.manual_seed(0)
    model = CoAttention(D, D_TEXT, {"arousal": 1}, H, modality_dropout=0.4)
    both = torch.full((10_000,), 5)
    spoken, written = model.lose_streams(both, both)
    assert (spoken == 0).float().mean() == pytest.approx(0.2, abs=0.02)
    assert (written == 0).float().mean() == pytest.approx(0.2, abs=0.02)
    assert not ((spoken == 0) & (written == 0)).any()
    alone = model.lose_streams(both, torch.zeros_like(both))
    assert torch.equal(alone[0], both)
    model.eval()
    inputs = *(part.float() for part in streams()), SPEECH_LENGTH, TEXT_LENGTH
    assert torch.equal(model(*inputs)["arousal"], model(*inputs)["arousal"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_takes_a_fused_kernel_in_training_and_after(dtype: torch.dtype) -> None:
    model = network(modality_dropout=0.5).float()
    inputs = *(part.float() for part in streams()), SPEECH_LENGTH, TEXT_LENGTH
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        scores = [model.train(is_training)(*inputs)["arousal"] for is_training in (True, False)]
    assert all(value.isfinite().all() for value in scores)


class _Outputs(nn.Module):
    """ONNX outputs are positional."""

    def __init__(self, model: CoAttention) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        outputs = self.model(*inputs)
        return outputs["arousal"], outputs["emotion"]


def test_onnx_equals_torch_at_any_size() -> None:
    model, buffer = network().float(), io.BytesIO()
    names = ["speech", "text", "speech_length", "text_length"]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Outputs(model).eval(),
            (torch.zeros(2, 5, D), torch.zeros(2, 5, D_TEXT), torch.tensor([5, 2]), torch.tensor([0, 5])),
            buffer,  # type: ignore[arg-type]
            input_names=names,
            output_names=["arousal", "emotion"],
            dynamic_axes={name: {0: "B"} if "length" in name else {0: "B", 1: "L"} for name in names},
            opset_version=17,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
    for num_rows, num_steps in ((4, L), (1, 1), (3, 0), (2, 127)):
        random = torch.Generator().manual_seed(num_steps)
        lengths = [torch.randint(0, num_steps + 1, (num_rows,), generator=random) for _ in range(2)]
        speech, text = (torch.randn(num_rows, num_steps, size, generator=random) for size in (D, D_TEXT))
        fed = dict(zip(names, (part.numpy() for part in (speech, text, *lengths)), strict=True))
        with torch.inference_mode():
            expected = model(speech, text, *lengths)
        for name, found in zip(("arousal", "emotion"), session.run(None, fed), strict=True):
            np.testing.assert_allclose(found, expected[name].numpy(), atol=2e-5, rtol=0)


def test_other_weights_and_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="no parameter 'trans.l1_abc_txt.norm1.weight'"):
        rename_published({"trans.l1_abc_txt.norm1.weight": torch.zeros(1)})
    for size, heads in ((9, 2), (9, 3)):
        with pytest.raises(ValueError, match="even and a multiple"):
            CoAttention(D, D_TEXT, {"arousal": 1}, size, heads)
