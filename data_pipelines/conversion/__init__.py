"""From raw files to a converted dataset, by several processes."""
