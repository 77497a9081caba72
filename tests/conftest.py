"""Fixtures that several rooms' tests share; the real Asterisk's are documented where they live."""

pytest_plugins = ["tests.telephony.asterisk.fixtures"]
