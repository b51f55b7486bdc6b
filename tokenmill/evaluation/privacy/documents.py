"""Documents of a split by chance, as the model reads them."""

import random
from dataclasses import dataclass

from tokenmill.core.splits import Split
from tokenmill.evaluation.analysis import groups_of
from tokenmill.evaluation.subject import Subject

MOST_READ = 20
"""Times the documents that are wanted: so many are looked through for long ones."""


@dataclass(frozen=True)
class Drawn:
    """Documents in an order of chance, no two of one group."""

    texts: list[str]
    rows: list[list[int]]
    """Their ids, after the token that begins a document."""


def draw_documents(subject: Subject, split: Split, count: int) -> Drawn:
    """Up to MOST_READ times ``count`` documents of the model's sources.

    Raises:
        UserError: the split is empty.
    """
    documents = subject.documents(split, subject.rival_sources)
    groups, texts = groups_of(documents), documents["text"]
    order = list(range(documents.height))
    random.Random(f"{split} {subject.settings.seed}").shuffle(order)
    seen: set[int] = set()
    chosen: list[str] = []
    for number in order:
        if groups[number] not in seen and len(chosen) < MOST_READ * count:
            seen.add(int(groups[number]))
            chosen.append(texts[number])
    vocabulary = subject.vocabulary
    begin = [] if vocabulary.bos is None else [vocabulary.bos]
    encoded = vocabulary.tokenizer.encode_batch_fast(chosen, add_special_tokens=False)
    return Drawn(chosen, [[*begin, *encoding.ids] for encoding in encoded])
