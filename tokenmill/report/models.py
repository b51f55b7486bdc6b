"""report.html: how good the models are, for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenmill.evaluation.settings import EvaluateSettings
from tokenmill.report.charts import render

if TYPE_CHECKING:
    from tokenmill.evaluation.classification import SentimentResult

MISTAKES = 12
"""Documents shown on which the classifier was most sure and wrong."""

TEXT_CHARACTERS = 400
"""A text is cut at this length."""

ALPHA = 0.05
"""A p-value below this is called a difference; above it, the two are called equal for want of evidence."""


def page(
    metrics: Mapping[str, Any],
    sentiment: "SentimentResult",
    samples: Sequence[Mapping[str, Any]],
    *,
    curves: Mapping[str, Sequence[Mapping[str, float]]],
    ancestry: Mapping[str, Mapping[str, Any]],
    settings: EvaluateSettings,
    manifest: Mapping[str, Any],
) -> str:
    """The whole page."""
    return render(
        Path(__file__).with_name("report.html.j2"),
        sentiment=metrics["sentiment"],
        start=Path(ancestry["sentiment"]["finetune"]["init_from"]).name,
        gpt=metrics["gpt"],
        bert=metrics["bert"],
        t5=metrics["t5"],
        headline=headline(metrics),
        labels=sentiment.labels,
        confusion=sentiment.confusion,
        calibration=_calibration_lines(sentiment),
        gpt_lines=_gpt_lines(curves["gpt"], metrics["gpt"]["ngram"]),
        accuracy_lines={
            name: [(p["tokens"], p["accuracy"]) for p in curves[name] if "accuracy" in p]
            for name in ("bert", "t5")
        },
        mistakes=_mistakes(sentiment),
        samples=samples,
        settings=settings,
        ancestry=ancestry,
        manifest=manifest,
    )


def headline(metrics: Mapping[str, Any]) -> list[str]:
    """What the figures say, in sentences; a difference that chance explains is not called one."""
    sentiment, gpt, bert, t5 = (metrics[name] for name in ("sentiment", "gpt", "bert", "t5"))
    rivals = {"control": "the same model from random weights", "tfidf": "TF-IDF with logistic regression"}
    said = [_verdict(sentiment, rival, words) for rival, words in rivals.items()]
    order = gpt["ngram"]["order"]
    better = gpt["bits_per_byte"] < gpt["ngram"]["bits_per_byte"]
    said.append(
        f"gpt needs {gpt['bits_per_byte']:.3f} bits per byte, the {order}-gram model "
        f"{gpt['ngram']['bits_per_byte']:.3f}: gpt {'predicts the text better' if better else 'is behind'}."
    )
    said.append(
        f"bert names {bert['accuracy']:.1%} of hidden tokens, t5 {t5['accuracy']:.1%} of hidden spans; "
        f"the most frequent token would be right {bert['most_frequent_accuracy']:.1%} of the time."
    )
    return said


def _verdict(sentiment: Mapping[str, Any], rival: str, words: str) -> str:
    gain, p_value = 100 * sentiment[f"gain_over_{rival}"], sentiment[f"p_value_vs_{rival}"]
    low, high = (100 * sentiment[f"gain_over_{rival}_{end}"] for end in ("low", "high"))
    figures = f"{gain:+.1f} points, 95% interval {low:+.1f} to {high:+.1f}, p = {p_value:.2g}"
    if p_value >= ALPHA:
        return f"The fine-tuned classifier and {words} cannot be told apart on this test set ({figures})."
    return f"The fine-tuned classifier is {'better' if gain > 0 else 'worse'} than {words} ({figures})."


def _gpt_lines(
    curve: Sequence[Mapping[str, float]], ngram: Mapping[str, Any]
) -> dict[str, list[tuple[float, float]]]:
    """gpt's validation bits per byte by tokens seen, and the n-gram model's on that text as a level line."""
    points = [(p["tokens"], p["bits_per_byte"]) for p in curve if "bits_per_byte" in p]
    if not points:
        return {}
    level = ngram["curve_bits_per_byte"]
    return {"gpt": points, f"{ngram['order']}-gram": [(points[0][0], level), (points[-1][0], level)]}


def _calibration_lines(sentiment: "SentimentResult") -> dict[str, list[tuple[float, float]]]:
    lowest = min(b.confidence for bins in sentiment.calibration.values() for b in bins)
    names = {"sentiment": "fine-tuned", "control": "from random weights", "tfidf": "TF-IDF"}
    measured = {
        names[name]: [(b.confidence, b.accuracy) for b in bins]
        for name, bins in sentiment.calibration.items()
    }
    return {**measured, "perfectly calibrated": [(lowest, lowest), (1.0, 1.0)]}


def _mistakes(sentiment: "SentimentResult") -> list[dict[str, Any]]:
    """The test documents on which the fine-tuned model was wrong, surest first."""
    import polars as pl

    wrong = sentiment.predictions.filter(pl.col("label") != pl.col("sentiment_label"))
    surest = wrong.sort(["sentiment_probability", "id"], descending=[True, False]).head(MISTAKES)
    return [
        {**row, "text": text if len(text := row["text"]) <= TEXT_CHARACTERS else text[:TEXT_CHARACTERS] + "…"}
        for row in surest.to_dicts()
    ]
