"""Rows of token ids before a model reads them: of like length together, none longer than the context."""

from collections.abc import Iterator, Sequence

from torch import Tensor

from tokenmill.core.errors import UserError

NO_MASK = "this model's tokenizer names no mask_token; add it to tokenizer_config.json"


def by_length(rows: Sequence[Sequence[int]], batch_size: int) -> Iterator[list[int]]:
    """Indices of rows in batches of like length, so that little is computed on padding."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def check_finite(outputs: Tensor) -> Tensor:
    """A model's outputs as they are, if they can be compared with each other.

    Raises:
        UserError: one is not a number, as of damaged weights, or of some so large that they overflow.
    """
    if bool(outputs.isnan().any()):
        raise UserError(
            "the model's outputs are not numbers (NaN): its weights are damaged or overflow; take them anew "
            "from where they come"
        )
    return outputs


def check_texts(texts: Sequence[str], what: str = "text") -> None:
    """Refuse what is no text before a tokenizer sees it.

    Raises:
        UserError: an element is no string, or holds a lone surrogate, which Python makes of bytes that are no
            UTF-8.
    """
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise UserError(f"{what} {number} must be a string, got {type(text).__name__}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UserError(
                f"{what} {number} is not UTF-8 at character {error.start + 1}; "
                "convert it, as with `iconv -t UTF-8`"
            ) from None


def check_lengths(rows: Sequence[Sequence[int]], context: int) -> None:
    """Refuse a text that would not be read to its end.

    Raises:
        UserError: a row is longer than the context.
    """
    for number, row in enumerate(rows, 1):
        if len(row) > context:
            raise UserError(
                f"text {number} has {len(row)} tokens, the model's context is {context}; "
                "split it into shorter ones"
            )
