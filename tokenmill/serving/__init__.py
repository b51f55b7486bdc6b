"""The playground: models behind a page in the browser, an OpenAI-compatible HTTP and a small REST."""
