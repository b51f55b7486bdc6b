"""datatrove's side of the comparisons, run in an interpreter that has datatrove and nothing of ours.

``python datatrove_run.py clean LANGUAGE INPUT OUTPUT``: its filters and its four MinHash steps;
``python datatrove_run.py tokenize TOKENIZER INPUT OUTPUT``: its DocumentTokenizer.
INPUT holds parquet files with the columns id and text, one for each worker. The last line printed is a JSON
object: seconds by step, and documents by what became of them.
"""

import gzip
import json
import sys
import time
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.readers import JsonlReader, ParquetReader
from datatrove.pipeline.tokens import DocumentTokenizer
from datatrove.pipeline.writers import JsonlWriter
from loguru import logger

WORKERS = 2
CHINESE_STOP_WORDS = list("的年在月是和日了於·為有被人中为他與後也而由")
"""Of fineweb-2/configs/cmn_Hani.yml, as are the Chinese thresholds below."""


def filters(language: str, dropped: Path) -> list:
    """The filters in the order of FineWeb and FineWeb-2, each writing what it drops."""

    def writer(name: str) -> JsonlWriter:
        return JsonlWriter(str(dropped / name))

    if language == "en":
        return [
            GopherRepetitionFilter(exclusion_writer=writer("repetition")),
            GopherQualityFilter(exclusion_writer=writer("quality")),
            C4QualityFilter(filter_no_terminal_punct=False, exclusion_writer=writer("c4")),
            FineWebQualityFilter(exclusion_writer=writer("fineweb")),
        ]
    # No C4: its sentence rules and English end marks drop nearly all of Chinese, and FineWeb-2 leaves it out.
    return [
        GopherRepetitionFilter(
            dup_line_frac=0.287,
            dup_para_frac=0,
            dup_line_char_frac=0,
            dup_para_char_frac=0,
            top_n_grams=((2, 0.256), (3, 0.201), (4, 0.171)),
            dup_n_grams=((5, 0.198), (6, 0.182), (7, 0.167), (8, 0.154), (9, 0.14), (10, 0.127)),
            language="cmn",
            exclusion_writer=writer("repetition"),
        ),
        FineWebQualityFilter(
            line_punct_thr=0.106,
            short_line_thr=999,
            char_duplicates_ratio=0.1,
            new_line_ratio=0.178,
            language="cmn",
            exclusion_writer=writer("fineweb"),
        ),
        GopherQualityFilter(
            min_avg_word_length=1,
            max_avg_word_length=5,
            max_non_alpha_words_ratio=0.735,
            stop_words=CHINESE_STOP_WORDS,
            language="cmn",
            exclusion_writer=writer("quality"),
        ),
    ]


def clean(language: str, source: Path, out: Path) -> dict:
    """Filters, then signatures, buckets, clusters and the last filter of MinHash, each a run of its own."""
    config = MinhashConfig()  # 14 buckets of 8 hashes, 5-word shingles
    kept, final = out / "filtered", out / "documents"
    code = {"en": "eng", "zh": "cmn"}[language]
    sizes = {"reader": ParquetReader(str(source), glob_pattern="*.parquet"), "kept": JsonlReader(str(kept))}
    steps = {
        "filters": (
            [sizes["reader"], *filters(language, out / "dropped"), JsonlWriter(str(kept))],
            WORKERS,
        ),
        "minhash signatures": (
            [
                JsonlReader(str(kept)),
                MinhashDedupSignature(str(out / "signatures"), config=config, language=code),
            ],
            WORKERS,
        ),
        "minhash buckets": (
            [MinhashDedupBuckets(str(out / "signatures"), str(out / "buckets"), config=config)],
            config.num_buckets,
        ),
        "minhash clusters": (
            [MinhashDedupCluster(str(out / "buckets"), str(out / "remove"), config=config)],
            1,
        ),
        "minhash filter": (
            [
                JsonlReader(str(kept)),
                MinhashDedupFilter(
                    str(out / "remove"), exclusion_writer=JsonlWriter(str(out / "dropped" / "minhash"))
                ),
                JsonlWriter(str(final)),
            ],
            WORKERS,
        ),
    }
    seconds = {}
    for name, (pipeline, tasks) in steps.items():
        started = time.perf_counter()
        LocalPipelineExecutor(
            pipeline, tasks=tasks, workers=WORKERS, logging_dir=str(out / "logs" / name)
        ).run()
        seconds[name] = time.perf_counter() - started
    documents = {"kept": lines(final)}
    documents |= {folder.name: lines(folder) for folder in sorted((out / "dropped").iterdir())}
    return {"seconds": seconds, "documents": documents}


def tokenize(tokenizer: str, source: Path, out: Path) -> dict:
    """Tokens of every document, shuffled by document, as it does by default."""
    started = time.perf_counter()
    pipeline = [
        ParquetReader(str(source), glob_pattern="*.parquet"),
        DocumentTokenizer(str(out / "tokens"), tokenizer_name_or_path=tokenizer, eos_token="<eos>", seed=1),
    ]
    LocalPipelineExecutor(pipeline, tasks=WORKERS, workers=WORKERS, logging_dir=str(out / "logs")).run()
    tokens = sum(path.stat().st_size // 2 for path in (out / "tokens").glob("*.ds"))
    return {"seconds": {"tokenize": time.perf_counter() - started}, "tokens": tokens}


def lines(folder: Path) -> int:
    """Documents in a folder of .jsonl.gz files."""
    count = 0
    for path in folder.glob("*.jsonl.gz"):
        with gzip.open(path) as file:
            count += sum(1 for _ in file)
    return count


if __name__ == "__main__":
    logger.remove()
    task, what, source, out = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
    result = clean(what, source, out) if task == "clean" else tokenize(what, source, out)
    print(json.dumps(result))
