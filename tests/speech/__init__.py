"""Hearing and speaking, with the real engines."""
