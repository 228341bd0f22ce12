"""One parser per raw format: files to records."""
