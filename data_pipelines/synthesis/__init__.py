"""The built-in dataset: articulated bodies that perform programs of part movements."""
