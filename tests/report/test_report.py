"""The report: of any models, any number of them, and none; sound, safe and self-contained."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.report.helpers import Written, causal, classifier, figures
from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree, write_json

CURVE = "tokens,split,loss,bits_per_byte\n100,validation,5.1,9.5\n200,validation,4.2,4.1\n"
CALIBRATION = "confidence,accuracy,count\n0.3,0.25,10\n0.9,0.8,26\n"
SETTINGS = {"max_new_tokens": 5, "temperature": 0.8}


class Reader(HTMLParser):
    """Collects a page's text and the addresses in it, and checks that its tags close."""

    VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.links, self.open = "", [], []
        self.feed(text)
        assert not self.open
        assert "http" not in text.replace("http://www.w3.org", "")

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def test_without_any_model_it_is_about_the_data(written: Written) -> None:
    page = Reader(written.report())
    assert "10 of 12 documents are kept" in page.text and "No model was measured" in page.text
    assert page.links == ["cleaning.html"]
    assert sorted(path.name for path in written.out.iterdir()) == ["cleaning.html", "report.html"]
    assert "10 of 12" in Reader((written.out / "cleaning.html").read_text("utf-8")).text


def test_any_number_of_models_of_any_kind(written: Written) -> None:
    for content in (causal("scribe"), causal("other", value=1.5), classifier("mood")):
        written.evaluation(content)
    written.evaluation(figures("spans", "features", "span_f1", 0.5, "higher"))
    names = ("mood", "scribe", "other", "spans")
    page = Reader(written.report(evaluate={name: SETTINGS for name in names}))
    for words in (
        "mood is better than TF-IDF (+25.0 points, 95% interval +20.0 to +30.0, p = 0.001).",
        "scribe is behind: bits per byte 2.500, against 2.000 of the rival (3-gram).",
        "other is ahead: bits per byte 1.500, against 2.000 of the rival (3-gram).",
        "spans has span f1 0.5.",
        "Models of the kind features",
        "75.0% 70.0–80.0",
    ):
        assert words in page.text
    assert page.text.index("Causal language models") < page.text.index("Classifiers of texts")
    assert page.links == ["cleaning.html", *(f"cards/{name}.md" for name in names)]


def test_the_best_figure_of_a_model_and_its_rivals_is_marked(written: Written) -> None:
    written.evaluation(causal("scribe"))
    assert '<td class="best">2.000</td>' in written.report(evaluate={"scribe": SETTINGS})
    written.evaluation(causal("scribe", value=1.5))
    assert '<td class="best">1.500</td>' in written.report(evaluate={"scribe": SETTINGS})


def test_a_difference_that_chance_explains_is_not_called_one(written: Written) -> None:
    written.evaluation(classifier("mood", p_value=0.2))
    assert "mood and TF-IDF cannot be told apart on this test set" in written.report(evaluate={"mood": {}})


def test_curves_of_trained_models_and_where_they_pass_the_ngram(written: Written) -> None:
    written.evaluation(causal("scribe"))
    written.plot("pretrain-scribe", CURVE)
    written.plot("pretrain-gone", CURVE)
    written.plot(
        "finetune-mood", "tokens,split,loss\n1,validation (pretrained),2\n1,validation (control),3\n"
    )
    written.plot("calibration-scribe", CALIBRATION)
    page = written.report(evaluate={"scribe": SETTINGS}, pretrain={"scribe": {}}, finetune={"mood": {}})
    assert page.count("<svg") == 3 and "gone" not in page
    assert "scribe passes the n-gram model by the time it has seen 200 tokens" in page
    assert "validation (control)" in page
    written.plot("pretrain-scribe", CURVE.replace("4.1", "8.1"))
    page = written.report(evaluate={"scribe": SETTINGS}, pretrain={"scribe": {}})
    assert "scribe has not passed the n-gram model" in page


def test_tokenizers_are_listed_with_their_figures(written: Written) -> None:
    metrics = {"tokens": {"train": 54321, "test": 5}, "vocab_size": 300}
    write_json(written.inputs["metrics"] / "tokenize-words.json", metrics)
    text = Reader(written.report(tokenize={"words": {"sources": ["news"]}, "other": {}})).text
    assert "54,321" in text and "vocab size" in text and "other" not in text


def test_curves_without_an_evaluation(written: Written) -> None:
    written.plot("pretrain-scribe", CURVE)
    assert written.report(pretrain={"scribe": {}}).count("<svg") == 1


def test_samples_and_surest_mistakes_are_shown_and_escaped(written: Written) -> None:
    samples = [{"prompt": "<script>", "continuations": ["x</script>"]}]
    written.evaluation(causal("scribe"), samples)
    written.evaluation(classifier("mood"))
    rows = [
        ("1", "a sure mistake", "bad", "good", 0.99, "bad"),
        ("2", "an unsure mistake", "good", "bad", 0.6, "bad"),
        ("3", "no mistake", "good", "good", 0.9, "good"),
    ]
    written.predictions("mood", rows)
    page = written.report(evaluate={"scribe": SETTINGS, "mood": SETTINGS})
    assert "<script>" not in page and "&lt;script&gt;</b>x&lt;/script&gt;" in page
    text = Reader(page).text
    assert text.index("a sure mistake") < text.index("an unsure mistake") and "no mistake" not in text
    assert "tfidf: bad" in text


def test_what_was_learnt_of_a_conversation_is_marked_and_rivals_have_figures_of_their_own(
    written: Written,
) -> None:
    found = figures(
        "talker",
        "chat",
        "bits_per_byte",
        2.0,
        "lower",
        figures={"bits_per_byte": 2.0, "bits_per_byte_low": 1.9, "bits_per_byte_high": 2.1, "hits_at_1": 0.3},
        rivals={
            "ngram": {"label": "3-gram", "bits_per_byte": 2.5},
            "tfidf": {"label": "TF-IDF", "hits_at_1": 0.4},
        },
        comparisons={"ngram": {"gain": 0.5, "low": 0.4, "high": 0.6, "p_value": 0.001}},
    )
    written.evaluation(found)
    pieces = [{"text": "<extra_28>hi", "learnt": False}, {"text": "<b>hello", "learnt": True}]
    write_json(written.inputs["evaluation"] / "talker/learnt.json", pieces)
    page = written.report(evaluate={"talker": SETTINGS})
    assert "&lt;extra_28&gt;hi<mark>&lt;b&gt;hello</mark>" in page
    text = Reader(page).text
    assert "talker is better than 3-gram (+0.500 less bits per byte, 95% interval +0.400 to +0.600" in text
    assert "talker is behind: right reply of ten 30.0%, against 40.0% of the rival (TF-IDF)" in text
    assert "1.900–2.100" in text


def accuracy(value: float, **more: Any) -> dict[str, Any]:
    return {
        "accuracy": value,
        "accuracy_low": value - 0.02,
        "accuracy_high": value + 0.02,
        "centred": 0.8,
        **more,
    }


def test_choices_and_vectors_stand_beside_their_rivals(written: Written) -> None:
    runs = {"lowest": 0.31, "highest": 0.72, "deviation": 0.1, "runs": 4}
    homophones = {
        "kind": "homophones",
        "items": 1234,
        "chance": 0.42,
        "ranking": "sum",
        "accuracies": {"pmi": accuracy(0.871), "sum": accuracy(0.912), "per_byte": accuracy(0.901)},
        "rivals": {"bigrams": {"label": "word bigrams", **accuracy(0.883)}},
        "comparisons": {"bigrams": {"gain": 0.029, "low": 0.01, "high": 0.05, "p_value": 0.003}},
    }
    row = {"shots": 4, "accuracies": {"calibrated": accuracy(0.55, **runs)}}
    prompted = {
        "kind": "prompted",
        "items": 200,
        "chance": 0.5,
        "curve": [
            {"shots": 0, "accuracies": {"calibrated": accuracy(0.525, runs=1)}, "rivals": {}},
            {**row, "rivals": {"tfidf": {"label": "TF-IDF, the same", **accuracy(0.61, **runs)}}},
        ],
    }
    pairs = {"recall_at_10": 0.75, "recall_at_10_low": 0.7, "recall_at_10_high": 0.8}
    pairs |= {"mrr": 0.5, "mrr_low": 0.4, "mrr_high": 0.6}
    retrieval = {
        "kind": "retrieval",
        "documents": 77,
        "chance": 0.13,
        **pairs,
        "rivals": {"tfidf": {"label": "TF-IDF vectors", **pairs}},
    }
    content = causal("scribe")
    choices = {"sounds": homophones, "shots": prompted}
    written.evaluation({**content, "choices": choices, "embeddings": {"pairs": retrieval}})
    page = written.report(evaluate={"scribe": SETTINGS})
    text = Reader(page).text
    assert text.index("scribe, by log-probability") < text.index("scribe, by mutual information")
    for said in ("1,234 of them; guessing: 42.0%", "91.2%", "89.2–93.2", "+2.9 points", "p = 0.003"):
        assert said in text
    for said in (
        "0 examples",
        "4 examples",
        "31.0 to 72.0",
        "50.5–54.5",
        "TF-IDF",
        "75.0%",
        "mean reciprocal",
    ):
        assert said in text
    assert page.count("<svg") == 1


def test_what_stands_behind_a_classifiers_figure_is_shown(written: Written) -> None:
    analysis = {
        "figure": "accuracy",
        "slices": [
            {"column": "language", "value": "en", "documents": 12, "figure": 0.5, "low": 0.25, "high": 0.75}
        ],
        "label_shares": [
            {"column": "language", "value": "en", "documents": 12, "skew": 0.25, "shares": {"good": 1.0}}
        ],
        "giveaways": [{"label": "good", "word": "<b>", "documents": 9, "share": 1.0, "z": 4.0}],
        "counterfactuals": [
            {
                "pair": ["he", "she"], "texts": 7, "flips": 0.125, "flips_low": 0.0, "flips_high": 0.5,
                "moves": 0.25, "shift": -0.125, "shift_low": -0.25, "shift_high": 0.0,
            }
        ],
        "explanations": [
            {
                "text": "a fine day", "label": "good", "good": True, "said": "good", "value": 0.75,
                "influences": [[0, 2, 0.0], [2, 6, 0.5], [6, 10, -0.25]],
            }
        ],
        "deletion": {
            "texts": 5, "top": 0.5, "random": 0.125, "gain": 0.375, "low": 0.25, "high": 0.5, "p_value": 0.01
        },
    }  # fmt: skip
    written.evaluation({**classifier("mood"), "analysis": analysis})
    page = written.report(evaluate={"mood": SETTINGS})
    text = Reader(page).text
    for words in ("language: en", "50.0%", "25.0%–75.0%", "he ↔ she", "12.5%", "-0.125", "falls by 0.500"):
        assert words in text, words
    assert 'var(--c0) 60%, transparent)">fine</mark>' in page
    assert 'var(--c5) 30%, transparent)"> day</mark>' in page and "&lt;b&gt;" in page


def test_the_gain_of_an_error_has_its_unit(written: Written) -> None:
    compared = {"tfidf": {"gain": 0.25, "low": 0.125, "high": 0.5, "p_value": 0.001}}
    rivals = {"tfidf": {"label": "TF-IDF", "mean_absolute_error": 1.0}}
    more = {"rivals": rivals, "comparisons": compared}
    written.plot("calibration-star", "confidence,accuracy,count\n")
    written.evaluation(figures("star", "regressor", "mean_absolute_error", 0.75, "lower", **more))
    text = Reader(written.report(evaluate={"star": SETTINGS})).text
    assert "star is better than TF-IDF (+0.250 less mean absolute error, 95% interval +0.125 to" in text


def test_what_is_left_of_entries_that_are_gone_is_not_shown(written: Written) -> None:
    written.evaluation(causal("scribe"))
    written.evaluation(causal("gone"))
    assert "gone" not in written.report(evaluate={"scribe": SETTINGS})
    assert [path.name for path in (written.out / "cards").iterdir()] == ["scribe.md"]


def test_equal_inputs_give_equal_bytes(written: Written) -> None:
    written.evaluation(classifier("mood"))
    digests = []
    for _ in range(2):
        written.report(evaluate={"mood": SETTINGS})
        digests.append(digest_tree(written.out))
    assert digests[0] == digests[1]


def test_a_broken_evaluation_costs_one_line(written: Written) -> None:
    (written.inputs["evaluation"] / "scribe").mkdir()
    with pytest.raises(UserError, match=r"scribe/figures\.json: missing; make it anew with `dvc repro"):
        written.report(evaluate={"scribe": SETTINGS})
