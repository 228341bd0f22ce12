"""The training loop and what it is made of; no paper is named here."""
