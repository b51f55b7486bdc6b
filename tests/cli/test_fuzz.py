"""Any arguments and any stdin: an answer, or one line on stderr and an exit status that says so."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import FLOATS, INTEGERS, TEXTS, no_hang
from tests.tiny_models import write_model
from tokenmill.cli.main import main
from tokenmill.core.errors import LONGEST_LINE

KINDS = {
    "gpt": "causal-lm",
    "t5": "text-to-text",
    "bert": "masked-lm",
    "sentiment": "sequence-classifier",
    "speech": "token-classifier",
    "ner": "character-classifier",
}
OPTIONS = {
    "generate": [
        *("--max-new-tokens", "--temperature", "--top-k", "--top-p", "--min-p", "--repetition-penalty"),
        *("--num-beams", "--length-penalty", "--stop", "--num-return-sequences", "--seed", "--json"),
    ],
    "fill": ["--top-k", "--json"],
    "score": ["--source", "--json"],
    "embed": ["--pooling", "--normalise", "--json"],
    "classify": ["--json"],
    "tag": ["--json"],
    "export": [],
    "import": [],
    "promote": [],
    "init": ["--example"],
    "doctor": ["--fix"],
    **{name: [] for name in ("results", "plan", "check", "register", "nothing")},
}
PLACES = ["/proc/x", "/dev/null/x", "/sys/x", "new", "a\nb", "\x1b[2J", "\udcb7", "x" * 300, "gpt", "."]
"""Where export and import are to write: nowhere, or in the tests' own folder."""


def argument(text: object) -> str:
    """As the operating system hands it over: no null character, bytes that are no UTF-8 as surrogates."""
    try:
        shown = str(text).replace("\0", "")
        shown.encode("utf-8", "surrogateescape")
    except ValueError:  # too many digits, or a surrogate that stands for no byte
        return hex(text) if isinstance(text, int) else ""
    return shown[:100_000]


values = st.one_of(
    st.sampled_from(
        [*map(argument, [*INTEGERS, *FLOATS, *TEXTS]), "<mask>", "mean", "我喜欢", "1", "2", "0.5"]
    ),
    st.integers(0, 40).map(str),
    st.floats(0, 2).map(str),
    st.text(st.characters(exclude_categories=()), max_size=20).map(argument),
)
models = st.sampled_from(
    [*KINDS, *KINDS, *PLACES, "models:/gpt@champion", "models:/a/" + "9" * 30, "models:/\n/1", ""]
)


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    command = draw(st.sampled_from(sorted(OPTIONS)))
    given_options = st.sampled_from(OPTIONS[command] or ["--help"])
    pairs = draw(st.lists(st.tuples(given_options, values), max_size=3))
    options = [
        part
        for name, value in pairs
        for part in ([name] if name in ("--json", "--normalise", "--fix", "--help") else [f"{name}={value}"])
    ]
    places = (
        [draw(st.sampled_from(PLACES))]
        if command in ("export", "import")
        else draw(st.lists(values, max_size=2))
    )
    rest = draw(st.lists(st.sampled_from(["--", "--help", "-x", "--bad"]), max_size=1))
    return [command, *rest, *options, draw(models), *places]


stdins = st.lists(
    st.one_of(st.binary(max_size=30), st.sampled_from([*"我喜欢", "x" * 1000, "<mask>"]).map(str.encode)),
    max_size=4,
).map(b"\n".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Iterator[Path]:
    """A folder with a model of each kind, no project, and an empty MLflow store."""
    place = tmp_path_factory.mktemp("fuzz")
    for name, kind in KINDS.items():
        write_model(place / name, kind)  # type: ignore[arg-type]
    (place / "mlflow.db").write_bytes(migrated_store.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("DVC_ROOT", str(place))
        patch.chdir(place)
        yield place


def run(arguments: list[str], stdin: bytes) -> tuple[int, str]:
    """Exit status and stderr of the command line."""
    errors = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, no_hang():
        patch.setattr(sys, "argv", ["tokenmill", *arguments])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "latin-1"))
        patch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
        patch.setattr(sys, "stderr", errors)
        with pytest.raises(SystemExit) as end:
            main()
    return int(end.value.code or 0), errors.getvalue()


@given(command_lines(), stdins)
def test_any_command_line(folder: Path, arguments: list[str], stdin: bytes) -> None:
    status, errors = run(arguments, stdin)
    assert status in (0, 1, 2)
    if status:
        *_, last = errors.splitlines()
        assert (
            last.startswith("error: ") and last.isprintable() and len(last) <= LONGEST_LINE + len("error: ")
        )
        assert errors.endswith(f"{last}\n") and "Traceback" not in errors


@given(st.lists(values, max_size=4), stdins)
def test_any_words(folder: Path, arguments: list[str], stdin: bytes) -> None:
    status, errors = run(arguments, stdin)
    assert status in (0, 1, 2)
    assert not status or (errors.startswith("error: ") and errors.rstrip("\n").isprintable())
