"""``evaluate.NAME.code`` in params.yaml: what of test programs a causal model is to complete."""

from typing import Annotated

from pydantic import Field

from tokenmill.core.settings import Count, Settings


class CodeSettings(Settings):
    """Gaps that are cut at places of chance."""

    lines: Count = 500
    """Lines of test documents whose rest is asked for."""
    functions: Count = 150
    """Functions in Python whose rest is asked for."""
    max_new_tokens: Annotated[int, Field(ge=1, le=10_000)] = 96
    """Of the rest of a function; a line has a third of them. At most half of the model's context."""

    def problem(self, context: int) -> str | None:
        """What does not fit into a context, if anything."""
        if 2 * self.max_new_tokens <= context:
            return None
        return f"max_new_tokens is {self.max_new_tokens}, and may be half of it at most"
