"""One parser for each raw format, from files to records."""
