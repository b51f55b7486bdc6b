"""measure: normalise every document and count what the rules of clean decide by. No document is judged here."""
