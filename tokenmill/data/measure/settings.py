"""How texts are normalised before they are measured: ``measure`` in params.yaml."""

from tokenmill.core.normalization import Normalization
from tokenmill.core.settings import Settings


class MeasureSettings(Settings):
    """How texts are normalised before they are measured. A change measures everything anew."""

    remove_html: bool
    """Decode character references (``&amp;``) and remove HTML tags; false where the corpus is about HTML."""
    simplify_chinese: bool
    """Traditional to Simplified characters."""
    replace_pii: bool
    """E-mail addresses, phone numbers and the like become placeholders."""

    def of_source(self, remove_html: bool | None) -> Normalization:
        """The steps for a source, which may say itself what becomes of HTML."""
        steps = self.model_dump()
        return Normalization(**(steps if remove_html is None else steps | {"remove_html": remove_html}))
