"""Zero-shot recognition: the splits of classes and samples, and calibrated stacking."""
