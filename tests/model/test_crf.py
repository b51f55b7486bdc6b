"""Conditional random fields against sums over every sequence of labels."""

from itertools import product

import pytest
import torch
from torch import Tensor

from tokenmill.data.documents.spans import Span
from tokenmill.inference.entities import Lattice
from tokenmill.model.bio import read_bio, write_bio
from tokenmill.model.crf import backward_scores, forbidden, forward_scores, log_likelihood, viterbi
from tokenmill.model.names import bio_labels

LABELS = bio_labels(["A", "B"])
LENGTHS = (4, 2, 1)
Scored = tuple[Tensor, Tensor, Tensor]


@pytest.fixture
def lattice() -> Scored:
    """Emissions (3, 4, 5), transitions (3, 5, 5), all rows' the same, and the mask of rows of LENGTHS."""
    torch.manual_seed(0)
    emissions = torch.randn(3, 4, len(LABELS), dtype=torch.float64, requires_grad=True)
    moves = torch.randn(len(LABELS), len(LABELS), dtype=torch.float64).masked_fill(
        forbidden(LABELS), -torch.inf
    )
    mask = torch.arange(4) < torch.tensor(LENGTHS)[:, None]
    return emissions, moves.expand(3, -1, -1), mask


def _score(emissions: Tensor, moves: Tensor, path: tuple[int, ...]) -> Tensor:
    before = (0, *path)
    return torch.stack([emissions[t, y] + moves[before[t], y] for t, y in enumerate(path)]).sum()


def _every(emissions: Tensor, moves: Tensor, length: int) -> dict[tuple[int, ...], Tensor]:
    paths = product(range(len(LABELS)), repeat=length)
    scored = {path: _score(emissions, moves, path) for path in paths}
    return {path: score for path, score in scored.items() if score > -torch.inf}


def test_bio_allows_an_inside_behind_its_own_name_only() -> None:
    allowed = {
        (before, after)
        for before, row in zip(LABELS, forbidden(LABELS).tolist(), strict=True)
        for after, no in zip(LABELS, row, strict=True)
        if not no and after[0] == "I"
    }
    assert allowed == {("B-A", "I-A"), ("I-A", "I-A"), ("B-B", "I-B"), ("I-B", "I-B")}


def test_likelihood_and_its_gradient_are_those_of_all_sequences(
    lattice: Scored,
) -> None:
    emissions, moves, mask = lattice
    labels = torch.tensor([[0, 1, 2, 3], [3, 4, 0, 0], [1, 0, 0, 0]])
    found = log_likelihood(emissions, moves, labels, mask)
    expected = []
    for row, length in enumerate(LENGTHS):
        every = _every(emissions[row], moves[row], length)
        true = every[tuple(labels[row, :length].tolist())]
        expected.append(true - torch.logsumexp(torch.stack(list(every.values())), 0))
    torch.testing.assert_close(found, torch.stack(expected))
    (gradient,) = torch.autograd.grad(found.sum(), emissions)
    (brute,) = torch.autograd.grad(torch.stack(expected).sum(), emissions)
    torch.testing.assert_close(gradient, brute)
    assert gradient[1, 2:].abs().sum() == 0  # padding moves nothing


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(1)
    emissions = torch.randn(2, 3, len(LABELS), dtype=torch.float64, requires_grad=True)
    moves = torch.randn(len(LABELS), len(LABELS), dtype=torch.float64, requires_grad=True)
    mask, labels = torch.tensor([[True] * 3, [True, True, False]]), torch.tensor([[1, 2, 0], [0, 3, 0]])
    torch.autograd.gradcheck(
        lambda e, m: log_likelihood(e, m.expand(2, -1, -1), labels, mask), (emissions, moves)
    )


def test_viterbi_finds_the_best_of_all_sequences(lattice: Scored) -> None:
    emissions, moves, mask = lattice
    for _ in range(20):
        emissions = 2 * torch.randn_like(emissions)
        found = viterbi(emissions, moves, mask)
        for row, length in enumerate(LENGTHS):
            every = _every(emissions[row], moves[row], length)
            assert tuple(found[row, :length].tolist()) == max(every, key=lambda path: float(every[path]))
            assert found[row, length:].tolist() == [0] * (4 - length)


def test_forward_and_backward_scores_agree_at_every_place(lattice: Scored) -> None:
    emissions, moves, mask = lattice
    both = forward_scores(emissions, moves) + backward_scores(emissions, moves, mask)
    for row, length in enumerate(LENGTHS):
        sums = torch.logsumexp(both[row, :length], 1)
        torch.testing.assert_close(sums, sums[:1].expand(length))


def test_an_entitys_probability_is_the_share_of_sequences_that_have_it(
    lattice: Scored,
) -> None:
    emissions, moves, mask = lattice
    found = Lattice(emissions.detach(), moves[0], mask)
    for row, length in enumerate(LENGTHS):
        every = _every(emissions[row].detach(), moves[row], length)
        weights = torch.stack(list(every.values())).softmax(0).tolist()
        for begin, end, label in product(range(length), range(1, length + 1), "AB"):
            if begin >= end:
                continue
            span = Span(begin, end, label)
            shares = [w for path, w in zip(every, weights, strict=True) if span in read_bio(path, LABELS)]
            assert found.probability(row, span, LABELS) == pytest.approx(sum(shares))


def test_bio_and_spans_are_inverse() -> None:
    numbers = {label: number for number, label in enumerate(LABELS)}
    spans = [Span(0, 2, "A"), Span(2, 3, "A"), Span(4, 7, "B")]
    written = write_bio(spans, 8, numbers)
    assert [LABELS[n] for n in written] == ["B-A", "I-A", "B-A", "O", "B-B", "I-B", "I-B", "O"]
    assert read_bio(written, LABELS) == spans
    assert read_bio([2, 2, 4], LABELS) == [Span(0, 2, "A"), Span(2, 3, "B")]  # no B-: as other tools write
