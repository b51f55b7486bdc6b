"""measure: normalise every document and count what the rules of clean decide by; judge none."""
