"""Beam search finds what trying everything finds (beside ``transformers``: test_generate_reference)."""

import itertools

import pytest
import torch

from tests.tiny_models import tiny_model
from tokenmill.inference.generation.beam import beam_search, largest
from tokenmill.inference.generation.decoding import Decoding
from tokenmill.inference.generation.sampling import GenerationConfig
from tokenmill.model.heads import LanguageModel


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("vocabulary", [50, 640, 8192])
def test_the_largest_are_the_largest(vocabulary: int, count: int) -> None:
    scores = torch.randn(6, vocabulary, generator=torch.Generator().manual_seed(count))
    scores[:, ::3] = -torch.inf
    values, places = largest(scores, count)
    assert torch.equal(values, scores.topk(count).values)
    assert torch.equal(scores.gather(1, places), values)


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
@torch.inference_mode()
def test_wide_beams_find_the_best_of_all_texts(length_penalty: float) -> None:
    model, steps, end = tiny_model(vocab_size=6), 3, 5
    assert isinstance(model, LanguageModel)
    every: dict[tuple[int, ...], float] = {}
    for tokens in itertools.product(range(6), repeat=steps):
        length = tokens.index(end) + 1 if end in tokens else steps
        logs = model(torch.tensor([[1, 2, *tokens[:length]]]))[0].log_softmax(-1)
        total = sum(float(logs[1 + place, token]) for place, token in enumerate(tokens[:length]))
        every[tuple(token for token in tokens[:length] if token != end)] = total / length**length_penalty
    settings = GenerationConfig(
        max_new_tokens=steps, num_beams=40, num_return_sequences=5, length_penalty=length_penalty
    )
    decoding = Decoding(model, [[1, 2]], steps, pad=0, rows_per_prompt=40)
    (found,) = beam_search(
        decoding, [[1, 2]], settings, ends=(end,), banned=torch.tensor([], dtype=torch.long)
    )
    best = sorted(every, key=lambda tokens: -every[tokens])[:5]
    assert [tuple(tokens) for _, tokens in found] == best
    assert [score for score, _ in found] == pytest.approx([every[tokens] for tokens in best], abs=1e-4)
