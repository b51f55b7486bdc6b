"""How texts are normalised before they are measured: ``measure`` in params.yaml."""

from collections.abc import Mapping
from typing import Any

from tokenmill.core.normalization import OF_SOURCE, Normalization
from tokenmill.core.settings import Settings


class MeasureSettings(Settings):
    """How texts are normalised before they are measured. A change measures everything anew."""

    remove_html: bool
    """Decode character references (``&amp;``) and remove HTML tags; false where the corpus is about HTML."""
    simplify_chinese: bool
    """Traditional to Simplified characters."""
    replace_pii: bool
    """E-mail addresses, phone numbers and the like become placeholders."""

    def of_source(self, entry: Mapping[str, Any]) -> Normalization:
        """The steps for a source, by its entry in the manifest of data/raw."""
        own = {key: value for key, value in entry.items() if key in OF_SOURCE}
        return Normalization(**(self.model_dump() | own))
