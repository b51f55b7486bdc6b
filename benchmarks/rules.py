"""The time of each rule, on one core, and the rules without n-grams beside plain reading and writing."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.clean_run import STEPS, settings
from tokenmill.data.clean.apply_rules import rule_expressions
from tokenmill.data.measure.detect_language import languages
from tokenmill.data.measure.normalize import normalize
from tokenmill.data.measure.part import content_hash
from tokenmill.data.measure.pii import replace_pii
from tokenmill.data.measure.quality import quality
from tokenmill.data.measure.repetition import repetition
from tokenmill.data.measure.word_counts import word_counts
from tokenmill.data.shingles.signatures import signatures
from tokenmill.data.shingles.units import units

REPEATS = 3


def seconds(work: Callable[[], Any]) -> float:
    """Best of ``REPEATS``: what the work itself takes."""
    return min(_once(work) for _ in range(REPEATS))


def _once(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def print_rules(raw: Path, megabytes: float) -> None:
    """MB/s of every measure, then of those without n-grams with reading and writing."""
    table = pl.concat([pl.read_parquet(path) for path in sorted(raw.glob("*.parquet"))])
    texts = normalize(table["text"], STEPS)
    found = units(texts)
    rules: dict[str, Callable[[], Any]] = {
        "normalize": lambda: normalize(table["text"], STEPS),
        "personal data": lambda: replace_pii(table),
        "language": lambda: languages(texts, table["language"]),
        "content hash": lambda: content_hash(texts),
        "quality counts, duplicate lines": lambda: quality(texts),
        "units (words)": lambda: units(texts),
        "word counts": lambda: word_counts(found),
        "n-gram repetition": lambda: repetition(found),
        "MinHash signatures": lambda: signatures(found),
    }
    print(f"  rule{'':<31}MB/s  (polars with {pl.thread_pool_size()} threads)")
    for name, work in rules.items():
        print(f"    {name:<32}{megabytes / seconds(work):7.1f}")
    out = raw.parent / "plain.parquet"
    plain = seconds(lambda: _write(read(raw), out))
    usable = _usable_rules()
    ruled = seconds(lambda: _write(_kept(read(raw), usable), out))
    print(f"    {'reading and writing':<32}{megabytes / plain:7.1f}")
    print(f"    {'with rules without n-grams':<32}{megabytes / ruled:7.1f}  ({ruled / plain:.1f} x the time)")


def read(raw: Path) -> pl.DataFrame:
    """All tables."""
    return pl.read_parquet(raw / "*.parquet")


def _usable_rules() -> dict[str, pl.Expr]:
    """The document rules that need no n-grams and no count of words."""
    known = {*quality(pl.Series(["text"])).columns, "language"}
    return {
        name: rule
        for name, rule in rule_expressions(settings()).items()
        if set(rule.meta.root_names()) <= known
    }


def _kept(table: pl.DataFrame, rules: dict[str, pl.Expr]) -> pl.DataFrame:
    """The documents that pass these rules."""
    measured = table.hstack(quality(table["text"]).get_columns()).with_columns(**rules)
    return measured.filter(pl.all_horizontal(pl.col(list(rules)).is_null())).select(table.columns)


def _write(table: pl.DataFrame, path: Path) -> None:
    table.write_parquet(path, compression="zstd", compression_level=3)
