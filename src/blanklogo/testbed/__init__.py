"""Clips with known truth: marks, moving backgrounds, cases and scores; for the demonstration, benchmark and tests."""
