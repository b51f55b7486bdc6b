"""Token classification: the words of documents have tags, such as parts of speech (targets of word/tag).

A token's label is the tag of the word in which it begins. Tokens know nothing of words: one that reaches into
further words says nothing of these, and a word in which no token begins is not learned. Evaluation counts
such words; a Chinese tokenizer with ``max_han_run: 1`` leaves none.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import polars as pl
from tokenizers import Encoding

from tokenmill.core.errors import UserError
from tokenmill.core.splits import Split
from tokenmill.data.documents.tagged import tagged_documents, word_tags
from tokenmill.model.config import ModelConfig
from tokenmill.model.padding import pad_rows
from tokenmill.tasks.labelling import IGNORE_INDEX, LabelledRows, Labelling, label_config
from tokenmill.tasks.settings import TokenClassificationSettings
from tokenmill.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class TaggedTexts:
    """Texts as the model reads them, long ones in pieces, and the numbers of their tokens' tags."""

    rows: Sequence[Sequence[int]]
    labels: Sequence[Sequence[int]]
    """IGNORE_INDEX at what stands for no text."""
    padding: int
    """Id that fills up shorter rows of a batch."""
    documents: int
    most_ngrams: int = 0

    def examples(self, chosen: Sequence[int]) -> LabelledRows:
        """Some of the texts as one padded batch."""
        tokens_BT, attention_mask_BT = pad_rows([self.rows[index] for index in chosen], self.padding)
        labels_BT, _ = pad_rows([self.labels[index] for index in chosen], IGNORE_INDEX)
        return LabelledRows(
            tokens_BT, attention_mask_BT, labels_BT, total=int((labels_BT != IGNORE_INDEX).sum())
        )


def new_task(
    name: str,
    settings: TokenClassificationSettings,
    documents: pl.DataFrame,
    vocabulary: Vocabulary,
    base: ModelConfig,
) -> Labelling:
    """The task of an entry ``name`` of ``finetune`` on its source's documents, for the backbone of ``base``.

    The tags are those of the training documents; a word with another one is not asked for.

    Raises:
        UserError: the training documents have fewer than two tags, or a split has no tagged document.
    """
    tagged = tagged_documents(documents)
    train, validation = (_of_split(tagged, split, settings) for split in ("train", "validation"))
    tags = sorted({tag for target in train["target"] for _, tag in word_tags(target)})
    if len(tags) < 2:
        sources = settings.source_names
        raise UserError(
            f"params.yaml: finetune.{name}.source is {sources}, whose words have {len(tags)} tag(s); "
            "there is nothing to tell apart"
        )
    # A tag depends on what follows, too: no position need be blind to it.
    config = label_config(base, settings, tags, ngrams=0, causal=base.causal and base.cell != "attention")
    numbers = {tag: number for number, tag in enumerate(tags)}
    return Labelling(
        config,
        train=_texts(train, numbers, vocabulary, settings.max_tokens),
        validation=_texts(validation, numbers, vocabulary, settings.max_tokens),
        batch_size=settings.batch_size,
        seed=settings.seed,
    )


def _of_split(tagged: pl.DataFrame, split: Split, settings: TokenClassificationSettings) -> pl.DataFrame:
    documents = tagged.filter(pl.col("split") == split)
    if documents.is_empty():
        sources = settings.source_names
        raise UserError(
            f"{sources}: no {split} documents whose target is tagged text (word/tag word/tag); "
            "see sources and clean.split in params.yaml"
        )
    return documents


def _texts(
    documents: pl.DataFrame, numbers: Mapping[str, int], vocabulary: Vocabulary, max_tokens: int
) -> TaggedTexts:
    rows, labels = [], []
    encoded = vocabulary.encode_whole(documents["text"], max_tokens)
    for target, pieces in zip(documents["target"], encoded, strict=True):
        words = word_tags(target)
        for piece in pieces:
            rows.append(piece.ids)
            labels.append(token_labels(piece, words, numbers))
    return TaggedTexts(rows, labels, vocabulary.pad, documents.height)


def token_labels(
    encoding: Encoding, words: Sequence[tuple[str, str]], numbers: Mapping[str, int]
) -> list[int]:
    """The number of each token's tag: that of the word, of those that make up the text, in which it begins.

    IGNORE_INDEX at what the model puts around a text, and where a tag has no number.
    """
    starts = list(accumulate((len(word) for word, _ in words), initial=0))
    return [
        numbers.get(words[bisect_right(starts, begin) - 1][1], IGNORE_INDEX) if begin < end else IGNORE_INDEX
        for begin, end in encoding.offsets
    ]
