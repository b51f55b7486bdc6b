"""From models and test data to figures, predictions, samples and a page."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenmill.core.errors import UserError
from tokenmill.core.files import write_json, write_text
from tokenmill.data.documents.parquet import write_parquet
from tokenmill.data.documents.reading import read_documents
from tokenmill.evaluation import language
from tokenmill.evaluation.ancestry import LANGUAGE_MODELS, documents_digest, read_ancestry
from tokenmill.evaluation.classification import SentimentResult, evaluate_sentiment
from tokenmill.evaluation.ngram import NGram
from tokenmill.evaluation.settings import EvaluateSettings
from tokenmill.report.models import page
from tokenmill.text.shards import open_split, read_manifest
from tokenmill.text.tokenizer import FIRST_TEXT_ID, fingerprint

if TYPE_CHECKING:
    from tokenmill.model.heads import LanguageModel
    from tokenmill.text.vocabulary import Vocabulary

DIGITS = 6
"""Decimal places of figures in files; what lies beyond depends on the machine."""


def evaluate(
    inputs: Mapping[str, Path],
    out: Mapping[str, Path],
    settings: EvaluateSettings,
    digests: Mapping[str, str],
) -> dict[str, Any]:
    """Write evaluation/ (page, predictions, samples) and the two plots; returns the metrics.

    ``inputs``, ``out`` and ``digests`` (SHA-256 of each input) have the keys of ``stages.evaluate.__main__``.

    Raises:
        UserError: inputs do not belong together, a split is empty, or a prompt is too long.
    """
    ancestry = read_ancestry(inputs, digests)
    curves = {name: language.read_curve(inputs[f"curve_{name}"]) for name in LANGUAGE_MODELS}
    languages, samples = _language(inputs, settings, ancestry, curves["gpt"])
    finetuning = ancestry["sentiment"]["finetune"]
    sentiment = evaluate_sentiment(
        inputs["clean"], finetuning["source"], {name: inputs[name] for name in ("sentiment", "control")}
    )
    metrics = _rounded({"sentiment": sentiment.metrics, **languages})
    folder = out["evaluation"]
    (folder / "predictions").mkdir(parents=True)
    table = sentiment.predictions
    write_parquet(
        table.lazy(),
        folder / "predictions" / "sentiment.parquet",
        rows=table.height,
        text_bytes=sum(len(text.encode()) for text in table["text"]),
    )
    write_json(folder / "samples.json", samples)
    write_text(
        folder / "report.html",
        page(
            metrics,
            sentiment,
            samples,
            curves=curves,
            ancestry=ancestry,
            settings=settings,
            manifest=read_manifest(inputs["tokens"]),
        ),
    )
    _write_plots(out, sentiment)
    return metrics


def _language(
    inputs: Mapping[str, Path],
    settings: EvaluateSettings,
    ancestry: Mapping[str, Any],
    curve: list[dict[str, float]],
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Figures of the language models, and gpt's samples (first: a prompt too long costs no computing)."""
    import polars as pl

    tokens = inputs["tokens"]
    tokenizer_id = fingerprint(tokens)
    train, validation, test = (
        open_split(tokens, split, fingerprint=tokenizer_id) for split in ("train", "validation", "test")
    )
    manifest = read_manifest(tokens)
    gpt, vocabulary = _load(inputs["gpt"], "causal-lm")
    samples = language.generate_samples(gpt, vocabulary, settings)
    ngram = NGram.fit(train.stream(), settings.ngram_order, manifest["vocab_size"])
    figures = language.score_ngram(ngram, test.stream(), test.text_bytes)
    # The learning curve was measured on this much of the validation split.
    seen = validation.sample()
    seen_bytes = float((seen >= FIRST_TEXT_ID).sum()) * validation.bytes_per_text_token
    on_curve = language.score_ngram(ngram, seen, seen_bytes)["bits_per_byte"]
    documents = pl.concat(
        [read_documents(inputs["clean"], source, "test") for source in sorted(manifest["ancestry"]["raw"])]
    )
    shared = {"documents": documents.height, "test_digest": documents_digest(documents, labels=False)}
    return {
        "gpt": {
            **language.score_causal(gpt, test),
            **shared,
            "ngram": {"order": settings.ngram_order, **figures, "curve_bits_per_byte": on_curve},
            "tokens_to_pass_ngram": language.tokens_to_pass(curve, on_curve),
        },
        **{
            name: {
                **language.score_objective(
                    *_load(inputs[name], kind),
                    ancestry[name]["pretrain"],
                    train,
                    test,
                    seed=settings.seed,
                ),
                **shared,
            }
            for name, kind in (("bert", "masked-lm"), ("t5", "text-to-text"))
        },
    }, samples


def _load(folder: Path, kind: str) -> "tuple[LanguageModel, Vocabulary]":
    from tokenmill.model.folder import load_model
    from tokenmill.model.heads import LanguageModel

    model, vocabulary = load_model(folder)
    if not isinstance(model, LanguageModel) or model.config.kind != kind:
        raise UserError(f"{folder}: must be a {kind}, is a {model.config.kind}; see `pretrain`")
    return model, vocabulary


def _rounded(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Figures to ``DIGITS`` places; p-values, which may be tiny, to as many significant ones."""
    rounded: dict[str, Any] = {}
    for key, value in metrics.items():
        if isinstance(value, Mapping):
            rounded[key] = _rounded(value)
        elif not isinstance(value, float):
            rounded[key] = value
        else:
            rounded[key] = float(f"{value:.{DIGITS}g}") if key.startswith("p_value") else round(value, DIGITS)
    return rounded


def _write_plots(out: Mapping[str, Path], sentiment: SentimentResult) -> None:
    """Of the fine-tuned model: confusion.csv with a row a test document, calibration.csv with one a bin."""
    table = sentiment.predictions
    pairs = zip(table["label"], table["sentiment_label"], strict=True)
    write_text(out["confusion"], _csv(("actual", "predicted"), pairs))
    bins = sentiment.calibration["sentiment"]
    rows = ((round(b.confidence, DIGITS), round(b.accuracy, DIGITS), b.documents) for b in bins)
    write_text(out["calibration"], _csv(("confidence", "accuracy", "documents"), rows))


def _csv(columns: tuple[str, ...], rows: Any) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()
