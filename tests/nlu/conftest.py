"""The contract's assertions are told in full, like those of any test."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.nlu.interpreter_contract")
