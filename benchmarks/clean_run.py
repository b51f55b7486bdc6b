"""Our side of the comparison: measure and clean a folder, as the two stages do, without their MLflow runs.

``python -m benchmarks.clean_run FOLDER WORKERS``: reads FOLDER/raw, writes FOLDER/measured and FOLDER/clean.
The last line printed is a JSON object: seconds by stage, and documents by what became of them.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from stages.data_settings import CleanSettings, MeasureSettings
from stages.params import RuntimeSettings

NGRAMS = {"max_top_ngram": [0.2, 0.18, 0.16], "max_duplicate_ngrams": [0.15, 0.14, 0.13, 0.12, 0.11, 0.1]}
ENGLISH: dict[str, Any] = {
    "min_words": 50, "max_words": 100_000, "min_word_length": 3, "max_word_length": 10, "max_symbols": 0.1,
    "max_bullet_lines": 0.9, "max_ellipsis_lines": 0.3, "min_alphabetic_words": 0.8, "min_stop_words": 2,
    "max_duplicate_lines": 0.3, "max_duplicate_paragraphs": 0.3, "max_duplicate_line_characters": 0.01,
    "max_duplicate_paragraph_characters": 0.2, **NGRAMS,
    "min_sentences": 5, "max_curly_braces": 0, "max_lorem_ipsum": 0,
    "min_terminal_lines": 0.12, "max_short_lines": 0.67, "max_line_ends": 0.3,
}  # fmt: skip
"""What datatrove's Gopher, C4 and FineWeb filters check."""
CHINESE: dict[str, Any] = {
    "min_words": 50, "max_words": 100_000, "max_symbols": 0.1, "max_bullet_lines": 0.9,
    "max_ellipsis_lines": 0.3, "min_alphabetic_words": 0.735, "min_stop_words": 2,
    "max_duplicate_lines": 0.287, "max_duplicate_line_characters": 0.1,
    "max_top_ngram": [0.256, 0.201, 0.171],
    "max_duplicate_ngrams": [0.198, 0.182, 0.167, 0.154, 0.14, 0.127],
    "min_terminal_lines": 0.106, "max_line_ends": 0.178,
}  # fmt: skip
"""What FineWeb-2 checks of Chinese."""
MEASURE = MeasureSettings(remove_html=True, simplify_chinese=False, replace_pii=True)
CLEAN = CleanSettings.model_validate(
    {
        "languages": None,
        "thresholds": {"default": {}, "en": ENGLISH, "zh": CHINESE},
        "near_duplicates": {"similarity": 0.8},
        "contamination": {"max_share": 0.8},
        "substrings": None,
        "split": {"validation": 0.01, "test": 0.01},
    }
)
"""All that the stages do by default, beside what datatrove is asked for."""


def main() -> None:
    """Run both stages."""
    from stages.clean.run import clean
    from stages.measure.run import measure

    folder = Path(sys.argv[1])
    started = time.perf_counter()
    runtime = RuntimeSettings(workers=int(sys.argv[2]))
    measure(folder / "raw", folder / "measured", folder / "work", MEASURE, runtime)
    measured = time.perf_counter()
    report = clean(folder / "measured", folder / "sources", folder / "clean", CLEAN)
    seconds = {"measure": measured - started, "clean": time.perf_counter() - measured}
    total = report["total"]
    dropped = {rule: count for rule, count in total["dropped"].items() if count}
    print(json.dumps({"seconds": seconds, "documents": {"kept": total["kept"], **dropped}}))


if __name__ == "__main__":
    main()
