"""A slow softmax, and what is close."""

from typing import Any

import numpy as np


def softmax(row: np.ndarray) -> np.ndarray:
    share = np.exp(row.astype(np.float64) - row.max())
    return share / share.sum()


def close(found: Any, expected: Any, what: str = "") -> None:
    """Check for a relative error of 1e-4 in the maximum norm."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, what
    error = np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-6)
    assert error < 1e-4, f"{what}: relative error {error}"
