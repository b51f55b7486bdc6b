"""Beam search: several texts side by side, the most probable kept at each step.

The rules for ending are those of ``transformers`` with ``early_stopping=False``, so that results agree.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tokenmill.inference.generation.decoding import Decoding
from tokenmill.inference.generation.sampling import GenerationConfig, RepetitionPenalty
from tokenmill.inference.rows import check_finite

BLOCK = 64
UNLIKELY = -1e9
"""In place of a log-probability: lower than any text's."""


@dataclass
class _Search:
    """The beams of one prompt."""

    settings: GenerationConfig
    rows: list[list[int]]
    """New tokens of each beam."""
    scores: list[float]
    finished: list[tuple[float, list[int]]] = field(default_factory=list)
    """Ended texts with their scores, best first, at most as many as beams."""
    open: bool = True
    common: int = 0
    """How many tokens all beams share."""

    def advance(
        self, candidates: Sequence[tuple[float, int, int]], ends: Collection[int]
    ) -> list[tuple[int, int]]:
        """Take (log-probability, beam, token), best first; returns the beams and tokens to go on with."""
        beams, length = len(self.rows), len(self.rows[0]) + 1
        rows: list[list[int]] = []
        scores: list[float] = []
        ways: list[tuple[int, int]] = []
        for rank, (score, beam, token) in enumerate(candidates):
            if token in ends or length == self.settings.max_new_tokens:
                if rank < beams:
                    text = self.rows[beam] if token in ends else [*self.rows[beam], token]
                    self.finished.append((score / length**self.settings.length_penalty, text))
            elif len(rows) < beams:
                rows.append([*self.rows[beam], token])
                scores.append(score)
                ways.append((beam, token))
        self.finished.sort(key=lambda scored: -scored[0])
        del self.finished[beams:]
        if not rows:
            self.open = False
            return []
        self.rows, self.scores = rows, scores
        while self.common < length and len({row[self.common] for row in rows}) == 1:
            self.common += 1
        # The best beam's score is judged at its length of now, though a longer text's may be better yet.
        best = scores[0] / length**self.settings.length_penalty
        self.open = len(self.finished) < beams or best > self.finished[-1][0]
        return ways


def beam_search(
    decoding: Decoding,
    prompts: Sequence[Sequence[int]],
    settings: GenerationConfig,
    *,
    ends: Collection[int],
    banned: Tensor,
) -> list[list[tuple[float, list[int]]]]:
    """The best ``num_return_sequences`` texts of each prompt, best first: score, and ids without the end.

    A score is the text's log-probability divided by its length to the power of ``length_penalty``.

    ``decoding`` has ``num_beams`` rows for each prompt; ``ends`` are ids that end
    a text, ``banned`` those that are never chosen.
    """
    beams = settings.num_beams
    kept = (1 + max(1, len(ends))) * beams  # so many that as many as beams go on, whichever end
    searches = [
        _Search(settings, [[] for _ in range(beams)], [0.0] + [UNLIKELY] * (beams - 1)) for _ in prompts
    ]
    device = decoding.logits_BV.device
    begun = [prompt for prompt in prompts for _ in range(beams)]
    repetition = RepetitionPenalty(settings.repetition_penalty, begun, decoding.logits_BV)
    while True:
        scores_BV = repetition(check_finite(decoding.logits_BV).log_softmax(-1)).index_fill_(
            1, banned, -torch.inf
        )
        value_BC, token_BC = largest(scores_BV, min(kept, scores_BV.shape[1]))
        so_far_PB = torch.tensor([search.scores for search in searches], device=device)
        value_PC = (value_BC.view(len(prompts), beams, -1) + so_far_PB[:, :, None]).flatten(1)
        value_PK, place_PK = value_PC.topk(min(kept, value_PC.shape[1]))
        token_PK = token_BC.view(len(prompts), -1).gather(1, place_PK)
        beam_PK = place_PK // value_BC.shape[1]
        shared = [search.common for search in searches]
        rows, tokens = [], []
        for index, search in enumerate(searches):
            ways: list[tuple[int, int]] = []
            if search.open:
                parts = (value_PK[index].tolist(), beam_PK[index].tolist(), token_PK[index].tolist())
                ways = search.advance(list(zip(*parts, strict=True)), ends)
            if not search.open:  # its rows are carried along, and no longer looked at
                ways = [(beam, 0) for beam in range(beams)]
            ways += ways[-1:] * (beams - len(ways))
            rows += [index * beams + beam for beam, _ in ways]
            tokens += [token for _, token in ways]
        if not any(search.open for search in searches):
            break
        rows_B, tokens_B = torch.tensor(rows, device=device), torch.tensor(tokens, device=device)
        decoding.reorder(rows, shared)
        repetition.add(tokens_B, rows_B)
        decoding.step(tokens_B)
    return [search.finished[: settings.num_return_sequences] for search in searches]


def largest(scores_BV: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """``scores_BV.topk(count)``, several times as fast for a large vocabulary.

    The best ``count`` stand in the ``count`` blocks with the highest maxima; only those are looked through.
    """
    blocks = scores_BV.shape[1] // BLOCK
    if scores_BV.shape[1] % BLOCK or blocks <= 2 * count:
        value_BC, place_BC = scores_BV.topk(count)
        return value_BC, place_BC
    by_block = scores_BV.view(-1, blocks, BLOCK)
    block_BC = by_block.amax(-1).topk(count).indices
    chosen = by_block.gather(1, block_BC[:, :, None].expand(-1, -1, BLOCK)).flatten(1)
    value_BC, place_BC = chosen.topk(count)
    return value_BC, block_BC.gather(1, place_BC // BLOCK) * BLOCK + place_BC % BLOCK
