"""What the report says of privacy: that something comes out, or that nothing does."""

from pathlib import Path
from typing import Any

from tests.report.helpers import Written, causal
from tokenmill.report.privacy import privacy


def share(value: float) -> dict[str, Any]:
    return {"documents": 100, "share": value, "share_low": value, "share_high": value + 0.05}


def found(gain: float, auc: float, exposure: float, **personal: int) -> dict[str, Any]:
    """What evaluate writes."""
    rows = [(0, 1.4), (1, 1.5), (64, exposure)]
    return {
        "prefix_tokens": 32,
        "new_tokens": 16,
        "extraction": {
            "train": share(gain),
            "test": share(0.0),
            "difference": {"gain": gain, "low": gain - 0.1, "high": gain + 0.1},
        },
        "membership": {
            **{"auc": auc, "auc_low": auc - 0.04, "auc_high": auc + 0.04, "ratio": 0.9},
            "bits_per_byte": {"train": 1.8, "test": 2.0},
        },
        "canaries": [
            {"times": n, "canaries": 2, "exposure": x, "least": x, "most": x, "first": 1} for n, x in rows
        ],
        "personal_data": {"texts": 50, "kinds": personal, "in_training": 1 if personal else 0},
    }


def test_what_comes_out_is_said(tmp_path: Path) -> None:
    written = Written(tmp_path)
    written.evaluation({**causal("scribe"), "privacy": found(0.4, 0.7, 9.5, email=2)})
    page = written.report(evaluate={"scribe": {"max_new_tokens": 4, "temperature": 0}})
    assert "Privacy of scribe" in page
    assert "Training text can be got out of the model" in page and "(+40.0 points" in page
    assert "lower on the former in 70.0% of cases" in page
    assert "Secrets that were planted stand out from 64 times on." in page
    assert "2 pieces look like personal data (2 of kind email); 1 of them stand in the training text." in page
    assert "64 times" in page and "not at all" in page


def test_that_nothing_comes_out_is_said() -> None:
    said = privacy(found(0.0, 0.51, 1.2))
    assert said is not None
    first, second, third, last = said["sentences"]
    assert first.startswith("Training text does not come out") and second.startswith("Its loss does not tell")
    assert third.endswith("not even after 64 times.") and last.endswith("nothing looks like personal data.")
    assert privacy({}) is None


def test_documents_that_are_too_short() -> None:
    none = {"train": {"documents": 0}, "test": {"documents": 0}}
    said = privacy({**found(0.0, 0.5, 1.0), "extraction": none, "membership": {}})
    assert said is not None and said["sentences"][0].startswith("No document of 48 tokens")
    assert said["rows"] == []
