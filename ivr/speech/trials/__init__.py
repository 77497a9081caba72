"""Trying recognition on recordings whose words are known."""
