"""What is done to every text, as regular expressions that polars and Python read alike."""

LINE_ENDS = r"\r\n|[\r\x0B\x0C\u0085\u2028\u2029]"
"""All that Unicode counts as the end of a line, besides ``\\n``."""

CONTROL = (
    r"[\x00-\x08\x0E-\x1F\x7F-\u009F"  # C0 and C1 controls but \t and the line ends
    r"\u00AD\u200B\u2060-\u2064\uFEFF"  # soft hyphen, zero-width space, joiner and operators, BOM
    r"\u200E\u200F\u202A-\u202E\u2066-\u206F"  # direction marks and deprecated controls
    r"\uFFF9-\uFFFB\uFFFE\uFFFF]"  # annotations and non-characters
)
"""Characters without a picture. Joiners (U+200C, U+200D) stay: emoji and Indic scripts need them."""

SPACES = r"[\t \u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]+"
"""Runs of white space within a line (Unicode's Zs and tabs), the wide space of Chinese (U+3000) included."""

WIDE = {chr(half + 0xFEE0): chr(half) for half in (*range(48, 58), *range(65, 91), *range(97, 123))}
"""Full-width ASCII letters and digits. Wide punctuation is how Chinese is written, and stays."""

INVISIBLE_STEPS = ((LINE_ENDS, "\n"), (CONTROL, ""))
"""Expressions and what stands in the place of what they find, in their order: before widths ..."""
WHITE_SPACE_STEPS = ((SPACES, " "), (r" ?\n ?", "\n"), (r"\n{3,}", "\n\n"))
"""... and after them: one space for a run, none at the ends of a line, at most one empty line."""
KEPT_WHITE_SPACE_STEPS = ((rf"{SPACES}\n", "\n"), (r"\n{4,}", "\n\n\n"))
"""Where white space is kept: none at the end of a line, at most two empty lines."""

AROUND = " \n"
"""What is taken away at both ends of a text then ..."""
AROUND_KEPT = "\n"
"""... and where white space is kept."""

PASSES = 100
"""Repairs that uncover more to repair are repeated so often at most: a text may be made of nothing else."""
