"""Raw text in, a registered language model out: the library."""
