"""Phones that ring us: the callers of the demo, of `ivrctl call` and of the tests."""
