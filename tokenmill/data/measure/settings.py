"""How texts are normalised before they are measured: ``measure`` in params.yaml."""

from tokenmill.core.settings import Settings


class MeasureSettings(Settings):
    """How texts are normalised before they are measured. A change measures everything anew."""

    remove_html: bool
    """Decode character references (``&amp;``) and remove HTML tags; false where the corpus is about HTML."""
    simplify_chinese: bool
    """Traditional to Simplified characters."""
    replace_pii: bool
    """E-mail addresses, phone numbers and the like become placeholders."""
