"""Frames to words and words to frames: each engine behind a port."""
