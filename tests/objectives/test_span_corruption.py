"""Span corruption is a pure function with the published statistics."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.objectives.rows import TEXT, VOCABULARY, seeded, text, with_specials
from tokenmill.core.errors import UserError
from tokenmill.objectives.examples import IGNORE_INDEX
from tokenmill.objectives.span_corruption import shift_right, span_corruption, span_counts, span_lengths
from tokenmill.text.special import OURS
from tokenmill.text.tokenizer import EOS, SENTINEL_IDS

T5_SENTINELS = range(32099, 31999, -1)


def corrupt(
    tokens: Tensor, seed: int = 1, sentinels: range = SENTINEL_IDS, **how: float
) -> tuple[Tensor, Tensor]:
    settings = {"noise_density": 0.15, "mean_noise_span_length": 3.0, **how}
    special = dataclasses.replace(OURS, sentinels=tuple(sentinels))
    return span_corruption(tokens, special=special, generator=seeded(seed), **settings)


def restored(inputs: Tensor, targets: Tensor, sentinels: range = SENTINEL_IDS) -> list[int]:
    """The raw tokens of one row, put together again from both sides."""
    spans: dict[int, list[int]] = {}
    answer = targets[targets != IGNORE_INDEX].tolist()
    assert inputs[-1] == EOS and answer.pop() == EOS
    for token in answer:
        if token in sentinels:
            current = spans.setdefault(token, [])
        else:
            current.append(token)
    assert list(spans) == list(sentinels[: len(spans)])
    return [raw for token in inputs[:-1].tolist() for raw in spans.get(token, [token])]


@pytest.mark.parametrize(
    ("inputs", "noise_density", "mean_noise_span_length", "raw", "targets"),
    # The first is what T5's compute_input_and_target_lengths gives for its pretraining.
    [(512, 0.15, 3.0, 568, 114), (128, 0.15, 3.0, 141, 29), (512, 0.15, 8.0, 588, 100)],
)
def test_lengths_are_those_of_t5(
    inputs: int, noise_density: float, mean_noise_span_length: float, raw: int, targets: int
) -> None:
    assert span_lengths(
        inputs, noise_density=noise_density, mean_noise_span_length=mean_noise_span_length
    ) == (raw, targets)


@pytest.mark.parametrize("sentinels", [SENTINEL_IDS, T5_SENTINELS])
def test_corruption_has_the_published_statistics(sentinels: range) -> None:
    raw, width = span_lengths(512, noise_density=0.15, mean_noise_span_length=3.0)
    tokens = text(200, raw)
    inputs, targets = corrupt(tokens, sentinels=sentinels)
    assert inputs.shape == (200, 512) and targets.shape == (200, width)
    assert (targets != IGNORE_INDEX).all()
    gaps = torch.isin(inputs, torch.tensor(sentinels))
    assert (gaps.sum(1) == 28).all()
    assert (targets.ne(EOS).sum(1) - 28 == 85).all()  # 15% in spans of 3.04 on average
    borders = torch.isin(targets, torch.tensor([*sentinels, EOS]))
    lengths = borders.nonzero()[:, 1].view(200, -1).diff() - 1
    assert lengths.min() == 1 and lengths.max() > 9
    assert lengths.float().var() == pytest.approx(85 / 28 * (85 / 28 - 1), rel=0.1)  # geometric, nearly
    for row in range(200):
        assert restored(inputs[row], targets[row], sentinels) == tokens[row].tolist()


@given(
    inputs=st.integers(3, 120),
    noise_density=st.floats(0.05, 0.9),
    mean_noise_span_length=st.floats(1, 8),
    seed=st.integers(0, 2**32),
)
def test_corruption_of_plain_text_fills_its_lengths_and_gives_all_back(
    inputs: int, noise_density: float, mean_noise_span_length: float, seed: int
) -> None:
    raw, width = span_lengths(
        inputs, noise_density=noise_density, mean_noise_span_length=mean_noise_span_length
    )
    hidden, spans = span_counts(raw, noise_density, mean_noise_span_length)
    tokens = text(3, raw, seed)
    ids = range(7, 7 + spans) if spans <= 32 else range(VOCABULARY, VOCABULARY + spans)
    given_BI, targets = corrupt(
        tokens, seed, ids, noise_density=noise_density, mean_noise_span_length=mean_noise_span_length
    )
    assert given_BI.shape == (3, raw - hidden + spans + 1) and targets.shape == (3, width)
    assert given_BI.shape[1] == inputs if noise_density < 0.5 else given_BI.shape[1] <= inputs
    assert (targets != IGNORE_INDEX).all() and width == hidden + spans + 1
    for row in range(3):
        assert restored(given_BI[row], targets[row], ids) == tokens[row].tolist()


@given(length=st.integers(2, 150), specials=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_corruption_never_hides_special_tokens(length: int, specials: float, seed: int) -> None:
    tokens = with_specials(3, length, specials, seed)
    inputs, targets = corrupt(tokens, seed)
    hidden, spans = span_counts(length, 0.15, 3.0)
    assert inputs.shape == (3, length - hidden + spans + 1) and targets.shape == (3, hidden + spans + 1)
    for row in range(3):
        back = restored(inputs[row], targets[row])
        assert back == tokens[row, : len(back)].tolist()
        assert (inputs[row, :-1] < 7).sum() == (tokens[row, : len(back)] < TEXT).sum()
        assert int((targets[row] == EOS).sum()) == 1


def test_special_tokens_cost_a_row_little() -> None:
    tokens = with_specials(200, 568, 0.03)
    inputs, targets = corrupt(tokens)
    lengths = torch.tensor([len(restored(*row)) for row in zip(inputs, targets, strict=True)])
    assert lengths.float().mean() > 0.98 * 568
    assert (targets == IGNORE_INDEX).float().mean() < 0.05


def test_spans_are_placed_anywhere() -> None:
    inputs, targets = corrupt(text(4000, 9), noise_density=0.3, mean_noise_span_length=1.5)
    assert targets.shape == (4000, 3 + 2 + 1)
    shown = (inputs[:, :-1] < TEXT).float().mean(0)
    assert abs(shown[0] - shown[-1]) < 0.03
    single = corrupt(text(4000, 7), noise_density=0.15, mean_noise_span_length=3.0)[0][:, :-1] < TEXT
    assert (single.sum(1) == 1).all()
    assert (single.float().mean(0) - 1 / 7).abs().max() < 0.02


def test_more_spans_than_sentinels_are_refused() -> None:
    with pytest.raises(UserError, match="1000 tokens make 50 spans, and there are 32 sentinels"):
        corrupt(text(1, 1000))
    with pytest.raises(UserError, match="span corruption: noise_density must be between 0 and 1"):
        span_lengths(512, noise_density=1.0, mean_noise_span_length=3.0)


def test_a_row_cut_up_by_special_tokens_runs_out_of_sentinels_gracefully() -> None:
    tokens = text(8, 600)
    tokens[:, ::2] = EOS
    inputs, targets = corrupt(tokens, noise_density=0.15, mean_noise_span_length=3.0)
    for row in range(8):
        back = restored(inputs[row], targets[row])
        assert back == tokens[row, : len(back)].tolist()
        assert torch.isin(inputs[row], torch.tensor(SENTINEL_IDS)).sum() == 32


def test_decoder_inputs_are_the_targets_moved_by_one() -> None:
    targets = torch.tensor([[7, 50, 51, EOS, IGNORE_INDEX, IGNORE_INDEX]])
    assert shift_right(targets, start_id=0).tolist() == [[0, 7, 50, 51, EOS, 0]]
    assert targets[0, 0] == 7
