"""The commands about what is stored: the registry, and what a crash left behind."""

from lm.errors import UserError


def sync_registry() -> None:
    """Register the models that are here."""
