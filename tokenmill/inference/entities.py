"""Named entities of texts, by classifiers of characters."""

from collections.abc import Sequence

import torch
from torch import Tensor

from tokenmill.core.errors import UserError
from tokenmill.data.documents.spans import Span as Place
from tokenmill.inference.classify import Span
from tokenmill.inference.rows import by_length, check_finite, check_texts
from tokenmill.model.bio import read_bio
from tokenmill.model.characters import CharacterClassifier, character_batch
from tokenmill.model.crf import backward_scores, forward_scores, log_partition, viterbi
from tokenmill.model.heads import Model
from tokenmill.text.characters import text_pieces
from tokenmill.text.vocabulary import Vocabulary


@torch.inference_mode()
def entities(
    model: Model, vocabulary: Vocabulary, texts: Sequence[str], *, batch_size: int = 64
) -> list[list[Span]]:
    """The entities of each text in the likeliest labelling of its characters (Viterbi), in their order.

    The probability of an entity is that of exactly this span with this label in all labellings, each counted
    by its own probability: the forward-backward algorithm gives it. A text that is longer than the model's
    context is read in pieces of whole sentences.

    Raises:
        UserError: the model finds no entities, or its weights are damaged.
    """
    if not isinstance(model, CharacterClassifier):
        raise UserError(
            f"this model is a {model.config.kind}; give a character-classifier, one fine-tuned for `ner`"
        )
    model.eval()
    check_texts(texts)
    device, labels = next(model.parameters()).device, model.config.labels
    read = [text_pieces(vocabulary, text, model.config.context) for text in texts]
    pieces = [(number, piece) for number, of_text in enumerate(read) for piece in of_text]
    found: list[list[Span]] = [[] for _ in pieces]
    for chosen in by_length([piece.tokens for _, piece in pieces], batch_size):
        batch = character_batch([pieces[index][1] for index in chosen], vocabulary.pad).to(device)
        emissions_BCL, transitions_LL = batch.scores(model)
        check_finite(emissions_BCL)
        lattice = Lattice(emissions_BCL.cpu().double(), transitions_LL.cpu().double(), batch.mask_BC.cpu())
        for row, (index, numbers) in enumerate(zip(chosen, lattice.best(), strict=True)):
            begin = pieces[index][1].begin
            found[index] = [
                Span(
                    begin + place.begin,
                    begin + place.end,
                    place.label,
                    lattice.probability(row, place, labels),
                )
                for place in read_bio(numbers, labels)
            ]
    result: list[list[Span]] = [[] for _ in texts]
    for (number, _), spans in zip(pieces, found, strict=True):
        result[number] += spans
    return result


class Lattice:
    """All labellings of a batch of rows, with their scores."""

    def __init__(self, emissions_BCL: Tensor, transitions_LL: Tensor, mask_BC: Tensor) -> None:
        self.emissions, self.transitions, self.mask = emissions_BCL, transitions_LL, mask_BC
        self._each_BLL = transitions_LL.expand(len(emissions_BCL), -1, -1)
        self.alpha = forward_scores(emissions_BCL, self._each_BLL)
        self.beta = backward_scores(emissions_BCL, self._each_BLL, mask_BC)
        self.log_all = log_partition(self.alpha, mask_BC)
        self.lengths = mask_BC.sum(1).tolist()

    def best(self) -> list[list[int]]:
        """The likeliest labels of each row's characters."""
        best_BC = viterbi(self.emissions, self._each_BLL, self.mask).tolist()
        return [row[:length] for row, length in zip(best_BC, self.lengths, strict=True)]

    def probability(self, row: int, place: Place, labels: Sequence[str]) -> float:
        """Of exactly this entity: it begins, goes on and ends there, whatever stands around it."""
        begins, goes_on = labels.index(f"B-{place.label}"), labels.index(f"I-{place.label}")
        emissions_CL, moves_LL = self.emissions[row], self.transitions
        score = (
            self.alpha[row, place.begin, begins] + emissions_CL[place.begin + 1 : place.end, goes_on].sum()
        )
        last = begins
        if (more := place.end - place.begin - 1) > 0:
            score = score + moves_LL[begins, goes_on] + (more - 1) * moves_LL[goes_on, goes_on]
            last = goes_on
        if place.end < self.lengths[row]:
            after_L = moves_LL[last] + emissions_CL[place.end] + self.beta[row, place.end]
            after_L[goes_on] = -torch.inf
            score = score + torch.logsumexp(after_L, 0)
        return min(1.0, float((score - self.log_all[row]).exp()))
