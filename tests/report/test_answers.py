"""What the page shows of a model that answers texts."""

from pathlib import Path

import polars as pl
import pytest

from tests.report.helpers import Written, causal, figures
from tokenmill.report.answers import SHOWN, answers
from tokenmill.report.evaluation import read_evaluations


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """The folders of a project without any model."""
    return Written(tmp_path)


MORE = {"length_ratio": 0.9, "copied": 0.5, "ended": 1.0, "bleu_signature": "nrefs:1|tok:zh"}


def evaluation(written: Written, oracle: bool) -> None:
    found = figures("strings", "generation", "chrf", 0.3, "higher")
    found["figures"] |= {**MORE, **({"oracle_chrf": 0.77} if oracle else {})}
    found["rivals"] = {
        "memory": {"label": "the memory", "chrf": 0.4},
        "copy": {"label": "the text itself", "chrf": 0.1},
    }
    written.evaluation(found)
    rows = [
        (
            f"{n:02}",
            f"<text {n}>",
            "reference",
            f"said {n}",
            n / 20,
            f"memory {n}",
            0.5,
            "copied",
            0.1,
            "near",
            0.25,
        )
        for n in range(20)
    ]
    columns = ("id", "text", "reference", "answer", "chrf", "memory_answer", "memory_chrf", "copy_answer",
               "copy_chrf", "nearest", "similarity")  # fmt: skip
    folder = written.inputs["evaluation"] / "strings"
    pl.DataFrame(rows, columns, orient="row").write_parquet(folder / "predictions.parquet")


def test_best_and_worst_answers_stand_beside_the_best_rival(written: Written) -> None:
    evaluation(written, oracle=True)
    page = written.report(evaluate={"strings": {}})
    assert "What strings answers" in page and "the memory" in page and "nrefs:1|tok:zh" in page
    assert "&lt;text 19&gt;" in page and "<text" not in page
    assert "77.0%" in page and "Surest mistakes" not in page
    place = [page.index(f">said {n} ") for n in (19, 14, 0, 5)]
    assert place == sorted(place) and "said 10 " not in page
    assert "memory 19" in page and ">copied" not in page


def test_where_nothing_is_shortened_there_is_no_oracle(written: Written) -> None:
    evaluation(written, oracle=False)
    assert "oracle" not in written.report(evaluate={"strings": {}})


def test_other_models_have_no_answers(written: Written) -> None:
    written.evaluation(causal("scribe"))
    (found,) = read_evaluations(written.inputs["evaluation"], {"scribe": {}})
    assert answers(found) is None and SHOWN > 0
