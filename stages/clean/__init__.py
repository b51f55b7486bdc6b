"""clean: normalise every document, drop the bad ones with all their reasons, split the rest by content."""
