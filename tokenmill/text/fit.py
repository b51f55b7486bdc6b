"""Whether a tokenizer fits a source: text of a language that it never saw falls apart into single bytes."""

LEAST_BYTES = 1.5
"""English under a tokenizer that was trained on Chinese alone has 1.2 bytes of UTF-8 a token, program code
1.1. Where it fits, English has 3 to 4, and Chinese 3 and more, also where every character is a token."""


def misfit(source: str, size: int, tokens: int, remedy: str) -> str | None:
    """A warning of one line where ``size`` bytes of a source's text take too many ``tokens``, else None.

    ``remedy`` is what to do about it.
    """
    if size >= LEAST_BYTES * tokens:
        return None
    per_token = f"{size / tokens:.1f} bytes of text a token"
    return (
        f"warning: the tokenizer does not fit {source}: {per_token}, training will be slow and poor; {remedy}"
    )
