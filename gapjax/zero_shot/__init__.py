"""Zero-shot recognition: which classes are unseen, and calibrated stacking."""
