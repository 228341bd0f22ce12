"""Studies: runs that are compared in one table, beside the numbers of a paper."""
