"""The files of a converted dataset: index, TFRecords, packed frames."""
