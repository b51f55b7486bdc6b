"""Causal language models: bits per byte and perplexity, beside an n-gram model of the same training text."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tokenmill.evaluation.ancestry import documents_digest
from tokenmill.evaluation.ngram import NGram
from tokenmill.evaluation.parts import Parts, documents_and_groups
from tokenmill.evaluation.resampling import Counts, Figure
from tokenmill.evaluation.samples import generate_samples
from tokenmill.evaluation.subject import Result, Subject
from tokenmill.evaluation.tokens import encode_split, encode_training, predict
from tokenmill.model.heads import LanguageModel
from tokenmill.objectives.causal import Causal
from tokenmill.objectives.scoring import bits_per_byte, label_nats, stream_nats
from tokenmill.text.shards import TokenSplit
from tokenmill.text.tokenizer import fingerprint

CALIBRATION_TOKENS = 1 << 16
"""Tokens of the test split from which the calibration curve is made: a smooth one at little cost."""


def measure_causal(subject: Subject) -> Result:
    """Figures on the test split, samples first: a prompt that is too long costs no computing."""
    model = subject.model
    assert isinstance(model, LanguageModel)
    samples = generate_samples(subject)
    documents = subject.documents("test", subject.sources)
    test = encode_split(subject, "test", subject.sources)
    nats, count = stream_nats(model, test.stream(), special=test.special.ids)
    return Result(
        figures=_figures(nats, count, test.text_bytes),
        rivals={"ngram": _measure_ngram(subject, test)},
        documents=documents.height,
        test_digest=documents_digest(documents, labels=False),
        calibration=predict(model, test.sample(CALIBRATION_TOKENS), Causal(test.special)).calibration(),
        samples=samples,
    )


def _figures(nats: float, count: int, text_bytes: float) -> dict[str, float]:
    loss = nats / count
    return {"bits_per_byte": bits_per_byte(nats, text_bytes), "perplexity": float(np.exp(loss)), "loss": loss}


def _measure_ngram(subject: Subject, test: TokenSplit) -> dict[str, Any]:
    """The n-gram model's figures, among them its bits per byte on the text of the learning curve."""
    order, training = subject.settings.ngram_order, encode_training(subject).stream()
    ngram = NGram.fit(training, order, subject.model.config.vocab_size, test.special.bos)
    figures: dict[str, Any] = {
        "label": f"{order}-gram, modified Kneser-Ney, on the same training text",
        **_score_ngram(ngram, test.stream(), test, test.text_bytes),
    }
    if "pretrain" in subject.ancestry:
        validation = encode_split(subject, "validation", subject.rival_sources)
        seen = validation.sample()
        text_bytes = int(_is_text(seen, validation).sum()) * validation.bytes_per_text_token
        on_curve = _score_ngram(ngram, seen, validation, text_bytes)
        figures["curve_bits_per_byte"] = on_curve["bits_per_byte"]
    return figures


def _score_ngram(
    ngram: NGram, stream: npt.NDArray[Any], split: TokenSplit, text_bytes: float
) -> dict[str, float]:
    """Special tokens are read but are no targets."""
    nats = -ngram.log2_probs(stream)[_is_text(stream, split)] * np.log(2)
    return _figures(float(nats.sum()), len(nats), text_bytes)


def _is_text(stream: npt.NDArray[Any], split: TokenSplit) -> npt.NDArray[np.bool_]:
    return ~np.isin(stream, split.special.ids)


def _loss(sums: Counts) -> Counts:
    return np.asarray(sums[..., 0] / sums[..., 2])


_FIGURES: dict[str, Figure] = {
    "bits_per_byte": lambda sums: np.asarray(sums[..., 0] / np.log(2) / sums[..., 1]),
    "loss": _loss,
    "perplexity": lambda sums: np.exp(_loss(sums)),
}
"""Of nats, bytes and tokens (..., 3)."""


def causal_parts(subject: Subject, metric: str) -> Parts | None:
    """The parts of a figure by document; None of one that has none."""
    if metric not in _FIGURES:
        return None
    model = subject.model
    assert isinstance(model, LanguageModel)
    documents = subject.documents("test", subject.sources)
    test = encode_split(subject, "test", subject.sources)
    stream = test.stream()
    places = np.flatnonzero(_is_text(stream[1:], test)) + 1
    owners = np.searchsorted(test.ends[0].astype(np.int64), places, "right")
    nats = label_nats(model, stream, special=test.special.ids)
    counts = [
        np.bincount(owners, nats, documents.height),
        documents["text"].str.len_bytes().to_numpy(),
        np.bincount(owners, minlength=documents.height),
    ]
    units, groups = documents_and_groups(documents)
    tokenizer = "" if metric == "bits_per_byte" else f"tokenizer {fingerprint(subject.folder)[:12]}"
    return Parts(
        tuple(units), tuple(groups), np.stack(counts, axis=1).astype(np.float64), _FIGURES[metric], tokenizer
    )
