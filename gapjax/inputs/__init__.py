"""From raw frames to the clips that a network sees, on the device."""
