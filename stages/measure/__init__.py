"""measure: what every document is like, before anything is decided."""
