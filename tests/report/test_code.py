"""Completed code in the report: shares, gains, and gaps with what was written."""

from pathlib import Path
from typing import Any

from tests.report.helpers import Written, causal
from tokenmill.report.code import completed_code


def part(figure: str, **shares: float) -> dict[str, Any]:
    """Figures of everyone, the model's from ``before`` compared with the n-gram's."""
    return {
        "figure": figure,
        "items": 40,
        "groups": 5,
        "answers": {
            who: {
                "label": f"who {who}",
                figure: share,
                f"{figure}_low": share - 0.1,
                f"{figure}_high": share + 0.1,
            }
            for who, share in shares.items()
        },
        "comparisons": [
            {"of": "before", "over": "ngram", "gain": 0.125, "low": -0.01, "high": 0.26, "p_value": 0.07}
        ],
    }


CODE = {
    "lines": part("exact_match", before=0.25, ngram=0.125),
    "functions": {**part("parses", before=0.5, ngram=0.375), "gap_left_out": 0.2},
    "examples": [{"before": "def f(a<b):\n    re", "missing": "turn a", "after": "\n", "ngram": "peat()"}],
}


def test_the_page_has_shares_gains_and_gaps(tmp_path: Path) -> None:
    written = Written(tmp_path)
    written.evaluation({**causal("coder"), "code": CODE})
    page = written.report(evaluate={"coder": {"max_new_tokens": 4, "temperature": 0}})
    assert "How coder completes code" in page and "The rest of a function" in page
    assert '25.0% <span class="note">15.0–35.0</span>' in page
    assert '+12.5 <span class="note">-1.0 to +26.0</span>' in page
    assert "if nothing were missing, 20.0% parse" in page
    assert 'def f(a&lt;b):\n    re<mark class="actual">turn a</mark>' in page and "peat()" in page


def test_without_functions_or_without_any_of_it() -> None:
    assert completed_code({}) is None
    found = completed_code({**CODE, "functions": {}})
    assert found is not None and [each["title"] for each in found["parts"]] == ["The rest of a line"]
