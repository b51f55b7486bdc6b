"""Model cards: front matter that the hub reads, figures beside rivals, ancestry, use and limits."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.report.helpers import Written, causal, classifier, figures


def card(folder: Path, content: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Front matter and text of the card of one evaluation."""
    written = Written(folder)
    written.evaluation(content)
    written.report(evaluate={content["name"]: {"max_new_tokens": 5, "temperature": 0.8}})
    text = (written.out / "cards" / f"{content['name']}.md").read_text("utf-8")
    _, front, body = text.split("---\n", 2)
    return YAML(typ="safe", pure=True).load(front), body


def test_a_language_model(tmp_path: Path) -> None:
    front, body = card(tmp_path, causal("scribe"))
    assert front == {
        "language": ["zh", "en"],
        "pipeline_tag": "text-generation",
        "tags": ["tokenmill", "causal-lm"],
    }
    for words in (
        "# scribe",
        "7,777 parameters",
        "36 test documents of news",
        "| model | bits per byte |\n| --- | ---: |\n| scribe | 2.500 |\n| 3-gram | 2.000 |",
        f"| test documents | `{'d' * 64}` |",
        "- `objective`: causal",
        'tokenmill generate FOLDER "',
        "## Limits",
    ):
        assert words in body


def test_a_classifier(tmp_path: Path) -> None:
    front, body = card(tmp_path, classifier("mood"))
    assert front["pipeline_tag"] == "text-classification"
    assert "| model | accuracy | F1 |" in body and "mood is better than TF-IDF" in body
    assert f"| clean documents | `{'f' * 64}` |" in body


def test_a_downloaded_model_and_a_kind_without_words(tmp_path: Path) -> None:
    front, body = card(tmp_path, figures("spans", "features", "span_f1", 0.5, "higher", ancestry={}))
    assert front["tags"] == ["tokenmill", "features"] and "pipeline_tag" not in front
    assert "Not known: others trained this model." in body and "## Training\n" not in body
