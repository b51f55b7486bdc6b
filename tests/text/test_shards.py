"""The shard format: what is written comes back, and what is damaged or foreign is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenmill.core.errors import UserError
from tokenmill.core.files import digest_tree, sha256_file
from tokenmill.core.splits import Split
from tokenmill.text.shards import (
    SHARD_TOKENS,
    SplitWriter,
    open_split,
    read_manifest,
    split_totals,
    token_dtype,
    write_manifest,
    write_split,
)
from tokenmill.text.special import OURS, SpecialTokens


def write(
    folder: Path, documents: list[list[int]], *, vocab_size: int = 500, shard_tokens: int = SHARD_TOKENS
) -> list[dict[str, Any]]:
    written = write_sources(folder, {"mine": documents}, vocab_size=vocab_size, shard_tokens=shard_tokens)
    shards: list[dict[str, Any]] = written["mine"]["train"]["shards"]
    return shards


def write_sources(
    folder: Path,
    sources: dict[str, list[list[int]]],
    *,
    vocab_size: int = 500,
    special: SpecialTokens = OURS,
    split: Split = "train",
    shard_tokens: int = SHARD_TOKENS,
) -> dict[str, dict[Split, dict[str, Any]]]:
    entries: dict[str, dict[Split, dict[str, Any]]] = {}
    for source, documents in sources.items():
        arrays = [np.array(document, np.uint32) for document in documents]
        entry = write_split(folder, split, source, arrays, vocab_size=vocab_size, shard_tokens=shard_tokens)
        entries[source] = {split: {**entry, "bytes": 77}}
    write_manifest(
        folder,
        name="tiny",
        fingerprint="f" * 64,
        vocab_size=vocab_size,
        sources=entries,
        ancestry={},
        special=special,
    )
    return entries


@settings(max_examples=30, deadline=None)
@given(
    documents=st.lists(st.lists(st.integers(0, 499), min_size=1, max_size=9), min_size=1, max_size=20),
    shard_tokens=st.integers(1, 30),
)
def test_documents_come_back_in_order_however_they_are_cut(
    tmp_path_factory: pytest.TempPathFactory, documents: list[list[int]], shard_tokens: int
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    entries = write(folder, documents, shard_tokens=shard_tokens)
    split = open_split(folder, "train", fingerprint="f" * 64)
    assert [d.tolist() for d in split.each_document()] == documents
    assert split.stream().tolist() == [token for document in documents for token in document]
    for start in range(len(split)):
        for stop in (start, start + 1, start + 7, len(split)):
            assert split[start:stop].tolist() == split.stream()[start:stop].tolist()
    assert split.tokens == sum(map(len, documents)) and split.documents == len(documents)
    assert split.text_bytes == 77
    assert np.diff(split.document_ends(), prepend=0).tolist() == list(map(len, documents))
    for place, token in enumerate(split.stream()):
        number, _, name = split.locate(place).partition(" of ")
        assert np.load(folder / name)[int(number)] == token
    # A shard is too long only where a single document is.
    assert all(e["tokens"] <= shard_tokens or e["documents"] == 1 for e in entries)


@settings(max_examples=50, deadline=None)
@given(
    blocks=st.lists(st.lists(st.integers(0, 9), max_size=8), min_size=1, max_size=6),
    shard_tokens=st.integers(1, 30),
)
def test_blocks_of_documents_are_cut_as_single_ones_are(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[list[int]], shard_tokens: int
) -> None:
    """A document may be empty: tokenizers of others may put nothing around a text."""
    folder = tmp_path_factory.mktemp("shards")
    ids = iter(range(500))
    whole = [[[next(ids) for _ in range(length)] for length in lengths] for lengths in blocks]
    documents = [np.array(document, np.uint16) for block in whole for document in block]
    one = write_split(folder / "one", "train", "mine", documents, vocab_size=500, shard_tokens=shard_tokens)
    writer = SplitWriter(folder / "two", "train", "mine", vocab_size=500, shard_tokens=shard_tokens)
    for block in whole:
        flat = np.array([token for document in block for token in document], np.uint16)
        writer.add(flat, np.cumsum([len(document) for document in block]))
    assert writer.close() == one and digest_tree(folder / "one") == digest_tree(folder / "two")


def test_one_shard_is_read_without_a_copy(tmp_path: Path) -> None:
    write(tmp_path, [[1, 2, 3], [4]])
    split = open_split(tmp_path, "train")
    assert split.stream() is split.shards[0]
    assert not split.shards[0].flags.writeable and isinstance(split.shards[0].base, np.memmap)


def test_large_vocabularies_take_four_bytes(tmp_path: Path) -> None:
    assert token_dtype(65536) == np.uint16 and token_dtype(65537) == np.uint32
    write(tmp_path, [[65536, 0, 69999]], vocab_size=70_000)
    assert open_split(tmp_path, "train").stream().tolist() == [65536, 0, 69999]
    assert read_manifest(tmp_path)["dtype"] == "uint32"


def test_the_manifest_names_the_digest_of_every_file(tmp_path: Path) -> None:
    entries = write(tmp_path, [[1, 2], [3, 4], [5, 6]], shard_tokens=4)
    assert [e["name"] for e in entries] == ["train-mine-00000", "train-mine-00001"]
    for entry in entries:
        assert entry["sha256"] == sha256_file(tmp_path / f"{entry['name']}.npy")
        assert entry["ends_sha256"] == sha256_file(tmp_path / f"{entry['name']}.ends.npy")


def test_another_tokenizer_is_refused_with_both_named(tmp_path: Path) -> None:
    write(tmp_path, [[1]])
    with pytest.raises(UserError, match="made by tokenizer ffffffffffff, but aaaaaaaaaaaa is at hand"):
        open_split(tmp_path, "train", fingerprint="a" * 64)


def test_a_shard_cut_short_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [[1, 2, 3, 4]])
    path = tmp_path / "train-mine-00000.npy"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(UserError, match=r"train-mine-00000.npy: missing or cut short"):
        open_split(tmp_path, "train")


def test_a_shard_of_another_length_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [[1, 2, 3, 4]])
    np.save(tmp_path / "train-mine-00000.npy", np.array([1, 2], np.uint16))
    with pytest.raises(UserError, match=r"holds \(2,\) uint16, the manifest says \(4,\) uint16"):
        open_split(tmp_path, "train")


def test_missing_files_and_splits_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"manifest.json: missing; make the shards"):
        open_split(tmp_path, "train")
    write(tmp_path, [[1]])
    with pytest.raises(UserError, match="the test split is empty"):
        open_split(tmp_path, "test")
    (tmp_path / "train-mine-00000.ends.npy").unlink()
    with pytest.raises(UserError, match=r"train-mine-00000.ends.npy: missing"):
        open_split(tmp_path, "train")
    (tmp_path / "manifest.json").write_text("{", "utf-8")
    with pytest.raises(UserError, match="not readable as JSON"):
        read_manifest(tmp_path)


def test_a_sample_is_of_whole_documents_and_an_excerpt_of_all_shards(tmp_path: Path) -> None:
    documents = [[100 + n] * 10 for n in range(40)]
    write_sources(tmp_path, {"mine": documents}, split="validation", shard_tokens=150)
    opened = open_split(tmp_path, "validation")
    assert opened.sample(100).tolist() == [100 + n for n in range(0, 40, 4) for _ in range(10)]
    assert len(opened.sample(1000)) == 400
    assert [len(shard) for shard in opened.shards] == [150, 150, 100]
    assert opened.excerpt(100).tolist() == [
        *opened.shards[0][:38],
        *opened.shards[1][:38],
        *opened.shards[2][:25],
    ]
    assert opened.excerpt(1000).tolist() == opened.stream().tolist()


def test_a_file_written_piece_by_piece_is_the_one_of_np_save(tmp_path: Path) -> None:
    documents = [[n] * 7 for n in range(300)]
    write(tmp_path, documents)
    np.save(tmp_path / "tokens.npy", np.array(documents, np.uint16).ravel())
    np.save(tmp_path / "ends.npy", np.arange(7, 2101, 7, dtype=np.uint64))
    assert (tmp_path / "train-mine-00000.npy").read_bytes() == (tmp_path / "tokens.npy").read_bytes()
    assert (tmp_path / "train-mine-00000.ends.npy").read_bytes() == (tmp_path / "ends.npy").read_bytes()


SOURCES = {"z": [[1, 2], [3]], "a": [[4, 5, 6]], "empty": []}


def test_sources_follow_each_other_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    write_sources(tmp_path, SOURCES)
    split = open_split(tmp_path, "train")
    assert split.stream().tolist() == [1, 2, 3, 4, 5, 6] and split.document_ends().tolist() == [2, 3, 6]
    assert split.names == ("train-z-00000.npy", "train-a-00000.npy")
    assert split_totals(read_manifest(tmp_path), "train") == {"tokens": 6, "documents": 3, "bytes": 231}


def test_some_sources_are_read_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    write_sources(tmp_path, SOURCES)
    assert open_split(tmp_path, "train", sources=["a"]).stream().tolist() == [4, 5, 6]
    assert open_split(tmp_path, "train", sources=["a", "z"]).stream().tolist() == [4, 5, 6, 1, 2, 3]
    assert split_totals(read_manifest(tmp_path), "train", ["z"]) == {"tokens": 3, "documents": 2, "bytes": 77}


def test_an_unknown_and_an_empty_source_are_named(tmp_path: Path) -> None:
    write_sources(tmp_path, SOURCES)
    with pytest.raises(UserError, match=r"data/tokens/tiny: has no source 'b', only z, a, empty; add it to"):
        open_split(tmp_path, "train", sources=["a", "b"])
    with pytest.raises(UserError, match=r"the train split of empty is empty"):
        open_split(tmp_path, "train", sources=["empty"])


def test_special_tokens_come_back_and_stand_for_no_text(tmp_path: Path) -> None:
    end_of_text = SpecialTokens(ids=(499,), pad=499, bos=499, eos=499)
    write_sources(tmp_path, {"mine": [[499, 1, 2], [499, 3]]}, special=end_of_text)
    split = open_split(tmp_path, "train")
    assert split.special == end_of_text and split.bytes_per_text_token == 77 / 3
    write_sources(tmp_path, {"mine": [[2, 100, 3]]})
    split = open_split(tmp_path, "train")
    assert split.special == OURS and split.bytes_per_text_token == 77


def test_shards_of_another_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": 1}', "utf-8")
    with pytest.raises(UserError, match=r"of format 1, not 2; make it with `dvc repro -f tokenize`"):
        read_manifest(tmp_path)
