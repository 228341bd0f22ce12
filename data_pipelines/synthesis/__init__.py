"""Generation of the built-in dataset: bodies that perform compositions of part movements."""
