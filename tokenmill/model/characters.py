"""Classifiers of characters: labels such as B-PER for each character of a text, scored as a sequence.

Tokens of a model may hold the end of one name and the beginning of another; characters do not.
Shape suffixes: tokenmill/model/layers.py; C characters, L labels, P parts, E what the head sees of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tokenmill.model.config import ModelConfig
from tokenmill.model.crf import forbidden
from tokenmill.model.layers import ACTIVATIONS
from tokenmill.model.padding import pad_rows
from tokenmill.model.recurrent import Recurrent
from tokenmill.model.transformer import Transformer
from tokenmill.text.characters import Piece
from tokenmill.text.windows import BUCKETS, window_buckets

CODE_POINTS = 2**15
"""Rows of the table of characters: Han and what is below it, up to U+7FFF, have rows of their own; others
share these, by code point modulo their number."""

PLACES = 8
"""Characters of a token with a place of their own; those behind share the last."""


class Scores(NamedTuple):
    """What a linear-chain CRF needs (tokenmill/model/crf.py)."""

    emissions: Tensor
    """(..., B, C, L)."""
    transitions: Tensor
    """(..., L, L), -inf where BIO allows none."""


class CharacterClassifier(nn.Module):
    """A backbone with a head over characters, and beside it a linear classifier of windows of characters.

    The head sees of each character the hidden state of its token, its place in it, an embedding of its own,
    and all of that of its neighbours. Windows remember what is rare, as n-grams do beside a classifier of
    texts. Both are conditional random fields with transitions of their own.
    """

    forbidden: Tensor

    def __init__(self, config: ModelConfig, backbone: Transformer | Recurrent) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        self.head = CharacterHead(config)
        self.windows = WindowWeights(config) if config.ngrams else None
        self.register_buffer("forbidden", forbidden(config.labels), persistent=False)

    def forward(
        self,
        tokens_BT: Tensor,
        attention_mask_BT: Tensor | None = None,
        *,
        characters_BC: Tensor,
        places_BC: Tensor,
        apart: bool = False,
    ) -> Scores:
        """Scores of labels, the mean over both parts, or with ``apart`` those of each, as training has them.

        ``characters`` are code points, 0 at padding, ``places`` which of its row's tokens each lies in.
        """
        hidden_BTD = self.backbone(tokens_BT, attention_mask_BT)
        emissions = [self.head(hidden_BTD, characters_BC, places_BC)]
        transitions: list[Tensor] = [self.head.transitions]
        if self.windows is not None:
            emissions.append(self.windows(characters_BC))
            transitions.append(self.windows.transitions)
        allowed_PLL = torch.stack(transitions).masked_fill(self.forbidden, -torch.inf)
        scores = Scores(torch.stack(emissions), allowed_PLL)
        return scores if apart else Scores(scores.emissions.mean(0), scores.transitions.mean(0))


class CharacterHead(nn.Module):
    """From hidden states of tokens to scores of labels of characters."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        own = max(1, config.width // 4)
        self.character = nn.Embedding(CODE_POINTS, own)
        self.place = nn.Embedding(PLACES, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.projection = nn.Linear(3 * (config.width + own), config.width)
        self.activation = ACTIVATIONS[config.head_activation]
        self.classifier = nn.Linear(config.width, len(config.labels))
        self.transitions = nn.Parameter(torch.zeros(len(config.labels), len(config.labels)))
        nn.init.normal_(self.character.weight, std=0.5)
        nn.init.zeros_(self.place.weight)
        nn.init.normal_(self.projection.weight, std=self.projection.in_features**-0.5)
        for zero in (self.projection.bias, self.classifier.weight, self.classifier.bias):
            nn.init.zeros_(zero)

    def forward(self, hidden_BTD: Tensor, characters_BC: Tensor, places_BC: Tensor) -> Tensor:
        """Scores (B, C, L)."""
        of_token_BCD = hidden_BTD.gather(1, places_BC[:, :, None].expand(-1, -1, hidden_BTD.shape[2]))
        place_BCD = self.place(_places_in_token(places_BC).clamp(max=PLACES - 1))
        character_BCE = self.character(characters_BC % CODE_POINTS)
        seen_BCE = self.dropout(torch.cat((of_token_BCD + place_BCD, character_BCE), -1))
        padded = F.pad(seen_BCE, (0, 0, 1, 1))
        window_BCE = torch.cat((padded[:, :-2], seen_BCE, padded[:, 2:]), -1)
        scores_BCL: Tensor = self.classifier(self.dropout(self.activation(self.projection(window_BCE))))
        return scores_BCL


class WindowWeights(nn.Module):
    """A linear classifier of the windows of characters around each, which begins with zeros."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.longest = config.ngrams
        self.bucket = nn.EmbeddingBag(BUCKETS, len(config.labels), mode="sum")
        nn.init.zeros_(self.bucket.weight)
        self.transitions = nn.Parameter(torch.zeros(len(config.labels), len(config.labels)))

    def forward(self, characters_BC: Tensor) -> Tensor:
        """Scores (B, C, L)."""
        buckets_BCW = window_buckets(characters_BC, self.longest)
        scores: Tensor = self.bucket(buckets_BCW.flatten(0, 1))
        return scores.unflatten(0, characters_BC.shape)


def _places_in_token(places_BC: Tensor) -> Tensor:
    """How many characters of its token stand before each."""
    number_C = torch.arange(places_BC.shape[1], device=places_BC.device)
    begins_BC = F.pad(places_BC[:, 1:] != places_BC[:, :-1], (1, 0), value=True)
    return number_C - torch.where(begins_BC, number_C, 0).cummax(1).values


@dataclass(frozen=True)
class CharacterBatch:
    """Pieces of texts as a model reads them, padded."""

    tokens_BT: Tensor
    attention_mask_BT: Tensor | None
    characters_BC: Tensor
    """Code points, 0 at padding."""
    places_BC: Tensor
    """Which of its row's tokens each character lies in."""

    def __len__(self) -> int:
        return len(self.characters_BC)

    def __getitem__(self, rows: slice) -> Self:
        """Some of the rows."""
        mask_BT = self.attention_mask_BT
        return type(self)(
            self.tokens_BT[rows],
            None if mask_BT is None else mask_BT[rows],
            self.characters_BC[rows],
            self.places_BC[rows],
        )

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        mask_BT = self.attention_mask_BT
        return type(self)(
            self.tokens_BT.to(device),
            None if mask_BT is None else mask_BT.to(device),
            self.characters_BC.to(device),
            self.places_BC.to(device),
        )

    @property
    def mask_BC(self) -> Tensor:
        """True at characters, false at padding."""
        return self.characters_BC != 0

    def scores(self, model: CharacterClassifier, *, apart: bool = False) -> Scores:
        """What :meth:`CharacterClassifier.forward` gives, in float32."""
        scores: Scores = model(
            self.tokens_BT,
            self.attention_mask_BT,
            characters_BC=self.characters_BC,
            places_BC=self.places_BC,
            apart=apart,
        )
        return Scores(scores.emissions.float(), scores.transitions.float())


def character_batch(pieces: Sequence[Piece], padding: int) -> CharacterBatch:
    """Pieces as one batch; ``padding`` is the id that fills up rows of tokens."""
    tokens_BT, attention_mask_BT = pad_rows([piece.tokens for piece in pieces], padding)
    characters_BC, places_BC = (
        nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True)
        for rows in ([piece.characters for piece in pieces], [piece.places for piece in pieces])
    )
    return CharacterBatch(tokens_BT, attention_mask_BT, characters_BC, places_BC)
