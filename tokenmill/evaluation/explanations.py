"""What moved the decisions on some test texts, and whether that is true: a test by deletion.

The parts that raise an answer most must matter more than others (Samek et al. 2017; comprehensiveness in
DeYoung et al. 2020): leaving out the top tenth of a text changes the answer more than a random tenth.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tokenmill.evaluation.scores import Probabilities, clustered_mean
from tokenmill.evaluation.subject import Subject
from tokenmill.inference.classify import classify
from tokenmill.inference.explain import Explanation, explain

SHOWN = 10
"""Texts with a good answer that the report shows, and as many with a bad one."""

TESTED = 40
"""Texts of the test by deletion."""

RANDOM_DRAWS = 3
"""Random tenths of each text."""

SHORTEST = 10
"""Parts that a text must have for a tenth of it to be one."""

MOST_CHARACTERS = 200
"""Longer texts are not explained: each is read once for every part."""


def explanations(
    subject: Subject,
    test: pl.DataFrame,
    outputs: Probabilities,
    merit: npt.NDArray[np.float64],
    *,
    worse_first: bool,
) -> dict[str, Any]:
    """``explanations``, of good and of bad answers, and ``deletion``, the test.

    Args:
        subject: a classifier of texts.
        test: labelled test documents.
        outputs: what it says of them (documents, labels).
        merit: of each document (documents,).
        worse_first: whether less is better.
    """
    short = test.with_row_index("place").with_columns(merit=pl.Series(-merit if worse_first else merit))
    short = short.filter(pl.col("text").str.len_chars() <= MOST_CHARACTERS).sort("id")
    middle = float(np.median(short["merit"])) if worse_first and len(short) else 0.5
    good, bad = (
        short.filter(side).head(SHOWN) for side in (pl.col("merit") > middle, pl.col("merit") <= middle)
    )
    shown = pl.concat([good, bad])
    rest = short.filter(~pl.col("place").is_in(shown["place"].implode())).head(max(0, TESTED - shown.height))
    chosen = pl.concat([shown, rest])
    if chosen.is_empty():
        return {"explanations": [], "deletion": None}
    texts = chosen["text"].to_list()
    found = explain(subject.model, subject.vocabulary, texts)
    rows = [
        {
            "text": text,
            "label": label,
            "good": place < good.height,
            "said": explanation.label,
            "value": explanation.value,
            "influences": [[one.start, one.end, one.weight] for one in explanation.influences],
        }
        for place, (text, label, explanation) in enumerate(
            zip(texts[: shown.height], shown["label"], found[: shown.height], strict=True)
        )
    ]
    return {"explanations": rows, "deletion": deletion(subject, texts, found)}


def deletion(subject: Subject, texts: Sequence[str], found: Sequence[Explanation]) -> dict[str, Any] | None:
    """How far answers fall where the top tenth of a text's parts is left out, and where a random tenth is.

    ``gain`` is the mean difference, with its 95% interval and p-value; None where all texts are too short.
    """
    draw = np.random.default_rng(subject.settings.seed)
    variants: list[str] = []
    kept: list[Explanation] = []
    for text, explanation in zip(texts, found, strict=True):
        count = len(explanation.influences) // 10
        if len(explanation.influences) >= SHORTEST:
            kept.append(explanation)
            order = np.argsort([-one.weight for one in explanation.influences], kind="stable")
            variants.append(_without(text, explanation, order[:count]))
            variants += [
                _without(text, explanation, draw.choice(len(order), count, replace=False))
                for _ in range(RANDOM_DRAWS)
            ]
    if not kept:
        return None
    outputs = classify(subject.model, subject.vocabulary, variants).reshape(len(kept), 1 + RANDOM_DRAWS, -1)
    labels = subject.model.config.labels
    answers = outputs[np.arange(len(kept)), :, [labels.index(one.label) for one in kept]]
    falls = np.array([one.value for one in kept])[:, None] - answers
    top, random = falls[:, 0].astype(np.float64), falls[:, 1:].mean(1).astype(np.float64)
    gain = clustered_mean(top - random, np.arange(len(kept)))
    values = {"low": gain.low, "high": gain.high, "p_value": gain.p_value}
    return {
        "texts": len(kept),
        "top": float(top.mean()),
        "random": float(random.mean()),
        "gain": gain.gain,
        **values,
    }


def _without(text: str, explanation: Explanation, parts: npt.NDArray[np.int64]) -> str:
    gone = set(parts.tolist())
    return "".join(
        text[one.start : one.end] for place, one in enumerate(explanation.influences) if place not in gone
    )
