"""The names under which published files store a class's tensors: older ones, with a prefix, or without."""

from collections.abc import Iterable

from tokenmill.core.errors import UserError, shown

WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What torch puts into the names of a model that was trained in several processes, or compiled."""

_OLDER = ((".LayerNorm.gamma", ".LayerNorm.weight"), (".LayerNorm.beta", ".LayerNorm.bias"))


def spelling(stored: Iterable[str], wanted: set[str], prefix: str) -> dict[str, str]:
    """By published name the stored one, for every tensor of ``wanted`` that is stored under some name.

    Args:
        stored: names in the files.
        wanted: the names of the class.
        prefix: of the backbone's tensors.

    Raises:
        UserError: two stored tensors are the same one of the class.
    """
    found: dict[str, str] = {}
    for name in stored:
        plain = name if name in wanted else _plain(name)
        here = next((each for each in _with_and_without(plain, prefix) if each in wanted), None)
        if here is None:
            continue
        if here in found:
            raise UserError(
                f"the weights hold {shown(here)} twice, as {shown(found[here])} and {shown(name)}; keep one"
            )
        found[here] = name
    return found


def _plain(name: str) -> str:
    parts = [part for part in name.split(".") if part not in WRAPPERS]
    plain = "." + ".".join(parts)
    for older, newer in _OLDER:
        if plain.endswith(older):
            plain = plain.removesuffix(older) + newer
    return plain[1:]


def _with_and_without(name: str, prefix: str) -> Iterable[str]:
    yield name
    yield prefix + name
    if name.startswith(prefix):
        yield name.removeprefix(prefix)
