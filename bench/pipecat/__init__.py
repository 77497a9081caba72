"""Pipecat beside ours: the same phones, turns, recognition model and prompts, in one run."""
