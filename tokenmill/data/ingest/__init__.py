"""Reading every source into one table, bad lines set aside with their reason."""
