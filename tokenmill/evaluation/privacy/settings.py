"""``evaluate.NAME.privacy`` in params.yaml: what a causal model is searched for."""

from typing import Annotated

from pydantic import Field

from tokenmill.core.settings import Count, Settings

Tokens = Annotated[int, Field(ge=1, le=10_000)]


class PrivacySettings(Settings):
    """Training documents are held against test documents, which the model has not seen."""

    documents: Count = 500
    """Of each split, at most one of a group."""
    prefix_tokens: Tokens = 32
    """Of the beginning of a document that the model is given ..."""
    new_tokens: Tokens = 16
    """... and of what it must then write as it stands there. Both together fit into the context."""
    texts: Count = 100
    """Texts of the model's own that are searched for personal data."""

    def problem(self, context: int) -> str | None:
        """What does not fit into a context, if anything."""
        asked = self.prefix_tokens + self.new_tokens
        return f"prefix_tokens and new_tokens are {asked}" if asked >= context else None
