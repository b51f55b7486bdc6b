"""Our side of the comparison: measure and clean a folder, as the two stages do, without their MLflow runs.

``python -m benchmarks.clean_run FOLDER WORKERS [STAGE]``: reads FOLDER/raw, writes FOLDER/measured and
FOLDER/clean, or does one of the two stages alone. The last line printed is a JSON object: seconds by stage,
and documents by what became of them.
"""

import json
import sys
import time
from pathlib import Path

from ruamel.yaml import YAML

from tokenmill.data.clean.settings import CleanSettings
from tokenmill.data.measure.settings import MeasureSettings
from tokenmill.jobs.runtime import RuntimeSettings

MEASURE = MeasureSettings(remove_html=True, simplify_chinese=False, replace_pii=True)
STEPS = MEASURE.of_source(None)
PAGE = Path(__file__).resolve().parents[1] / "docs/cleaning.md"


def settings() -> CleanSettings:
    """All that the stages do by default, with the thresholds for web pages that docs/cleaning.md gives.

    They stand for what datatrove's Gopher, C4, FineWeb and FineWeb-2 filters check.
    """
    block = PAGE.read_text("utf-8").split("```yaml\n")[1].split("```")[0]
    return CleanSettings.model_validate(
        {
            "languages": None,
            "thresholds": YAML(typ="safe", pure=True).load(block)["thresholds"],
            "near_duplicates": {"similarity": 0.8},
            "contamination": {"max_share": 0.8},
            "substrings": None,
            "split": {"validation": 0.01, "test": 0.01},
        }
    )


def main() -> None:
    """Run both stages, or the one that is named."""
    folder, runtime = Path(sys.argv[1]), RuntimeSettings(workers=int(sys.argv[2]))
    seconds: dict[str, float] = {}
    documents: dict[str, int] = {}
    for stage in sys.argv[3:] or ("measure", "clean"):
        started = time.perf_counter()
        if stage == "measure":  # each loads what it needs and no more, as it does as a stage
            from tokenmill.data.measure.run import measure

            measure(folder / "raw", folder / "measured", folder / "work", MEASURE, runtime)
        else:
            from tokenmill.data.clean.run import clean

            total = clean(folder / "measured", folder / "clean", settings())["total"]
            dropped = {rule: count for rule, count in total["dropped"].items() if count}
            documents = {"kept": total["kept"], **dropped}
        seconds[stage] = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "documents": documents}))


if __name__ == "__main__":
    main()
