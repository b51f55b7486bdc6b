"""The precision of a training follows the kind of processor, by rule."""

from collections.abc import Iterable

import pytest

from tokenmill.training.precision import bfloat16_pays, chosen_precision


@pytest.mark.parametrize(
    ("instructions", "vendor", "pays"),
    [
        ({"avx512_f", "avx512_bf16", "amx_bf16"}, "GenuineIntel", True),
        ({"avx512_f", "avx512_bf16"}, "GenuineIntel", False),
        ({"avx512_f", "avx512_bf16"}, "AuthenticAMD", True),
        ({"avx2"}, "AuthenticAMD", False),
        ({"sve", "bf16"}, "ARM", False),  # not measured yet
        (frozenset(), "", False),
    ],
)
def test_bfloat16_where_it_was_measured_to_pay(instructions: Iterable[str], vendor: str, pays: bool) -> None:
    assert bfloat16_pays(dict.fromkeys(instructions, True), vendor) is pays


def test_a_wish_is_followed_and_auto_decides_alike_each_time() -> None:
    assert chosen_precision("float32") == "float32"
    assert chosen_precision("bfloat16") == "bfloat16"
    assert chosen_precision("auto") == chosen_precision("auto")
