"""Speed that is measured: parts of a run, interleaved with another's, beside the machine's own."""
