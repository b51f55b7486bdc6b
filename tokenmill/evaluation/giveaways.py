"""Words that by themselves give a label away: log-odds with a prior (Monroe et al. 2008, "Fightin' Words").

A word such as a hotel's name under one label alone is a property of the data, which a classifier learns and
which no test set of the same source shows.
"""

import math
from collections import Counter
from itertools import pairwise
from typing import Any

from tokenmill.data.documents.labels import label_sets
from tokenmill.evaluation.labelled import labelled, separator_of
from tokenmill.evaluation.subject import Subject
from tokenmill.inference.explain import pieces_of

WORDS = 10
"""Of each label."""

MOST_LABELS = 50

LEAST_DOCUMENTS = 5
"""In which a word must stand."""

PRIOR = 500.0
"""Words that the prior is worth, shared out as words are in all documents."""


def giveaways(subject: Subject) -> list[dict[str, Any]]:
    """Of each label the words of training documents that speak most for it, by z-score.

    A word counts once a document: words of text between spaces, and pairs of characters of scripts without
    spaces. ``share`` is the part of the documents with the word that have the label.
    """
    documents = labelled(subject, "train", subject.rival_sources)
    several = subject.model.config.problem_type == "multi_label_classification"
    sets = label_sets(documents["label"], separator_of(subject)).to_list() if several else []
    by_label: dict[str, Counter[str]] = {}
    everywhere: Counter[str] = Counter()
    for number, (text, label) in enumerate(documents.select("text", "label").iter_rows()):
        words = words_of(text)
        everywhere.update(words)
        for name in sets[number] if several else [label]:
            by_label.setdefault(name, Counter()).update(words)
    found = []
    for label in sorted(by_label)[:MOST_LABELS]:
        for word, score in log_odds(by_label[label], everywhere)[:WORDS]:
            share = by_label[label][word] / everywhere[word]
            row = {"label": label, "word": word, "documents": everywhere[word]}
            found.append({**row, "share": share, "z": score})
    return found


def words_of(text: str) -> set[str]:
    """Words between spaces in lower case, and pairs of neighbours of what is written without spaces."""
    pieces = [text[begin:end] for begin, end in pieces_of(text)]
    words = {piece.lower() for piece in pieces if len(piece) > 1 and piece[0].isalnum()}
    single = [piece if len(piece) == 1 and piece.isalnum() else " " for piece in pieces]
    pairs = {one + other for one, other in pairwise(single)}
    return words | {pair for pair in pairs if " " not in pair}


def log_odds(of_label: Counter[str], everywhere: Counter[str]) -> list[tuple[str, float]]:
    """Words with the z-score of their log-odds in one label's documents against the rest, highest first.

    ``everywhere`` counts all documents, those of the label among them; their shares are the prior (Monroe et
    al. 2008, eq. 15, 20 and 22).
    """
    total, inside = sum(everywhere.values()), sum(of_label.values())
    scores = []
    for word, count in everywhere.items():
        if count < LEAST_DOCUMENTS:
            continue
        prior = PRIOR * count / total
        here, there = of_label[word] + prior, count - of_label[word] + prior
        odds = math.log(here / (inside + PRIOR - here)) - math.log(there / (total - inside + PRIOR - there))
        scores.append((word, odds / math.sqrt(1 / here + 1 / there)))
    return sorted(scores, key=lambda pair: (-pair[1], pair[0]))
