"""Whole calls, from the caller's ear to the last record."""

import pytest

pytest.register_assert_rewrite("tests.e2e.records", "tests.e2e.stack", "tests.e2e.talk")
