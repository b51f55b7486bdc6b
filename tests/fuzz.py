"""What fuzz tests share: extreme values, and the one thing that bad input may do.

HYPOTHESIS_PROFILE=long python -m pytest tests/stages/test_params_fuzz.py tests/cli/test_fuzz.py
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hypothesis import strategies as st

from tokenmill.core.errors import LONGEST_LINE, UserError

HANG_SECONDS = 60
"""None of these inputs takes a second; so long does no machine take."""

INTEGERS = [
    *(-(2**63) - 1, -(2**31), -1, 0, 1, 2, 7, 8, 1000, 1001, 65_536, 2**31 - 1, 2**31, 10**9),
    *(20261130222128, 2**40, 10**15, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**400),
]
FLOATS = [
    *(float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1e-320, 1e-300, 1e-9, 1e-6, 0.001, 0.5),
    *(1.0, 1 + 2**-52, 1e16, 1e300, 1.7976931348623157e308),
]
TEXTS = [
    *(
        "",
        " ",
        "~",
        "null",
        "x" * 100_000,
        "a\nb",
        "\x1b[31m",
        "\x00",
        "\ud800",
        "\udcb7",
        "\u202e",
        "\u2028",
    ),
    *(
        "../../x",
        "/dev/zero",
        "data/models/gpt",
        "a" * 5000,
        "*" * 60,
        "${pretrain}",
        "正面 ",
        "😀",
        "1e-4",
        "-",
    ),
]

numbers = st.one_of(st.sampled_from([*INTEGERS, *FLOATS]), st.integers(), st.floats())
texts = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(exclude_categories=()), max_size=20))
scalars = st.one_of(st.none(), st.booleans(), numbers, texts, st.binary(max_size=3), st.dates())
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(texts, scalars), inner, max_size=4)
    ),
    max_leaves=8,
)


@contextmanager
def no_hang() -> Iterator[None]:
    """Fail where what is inside does not end."""

    def stop(signum: int, frame: object) -> None:
        raise TimeoutError(f"no answer within {HANG_SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANG_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def taken_or_told(action: Callable[[], object]) -> bool:
    """Whether the action goes through; if not, it must say so in one line of bounded length, and soon."""
    try:
        with no_hang():
            action()
    except UserError as error:
        assert str(error).isprintable() and 0 < len(str(error)) <= LONGEST_LINE
        return False
    return True
