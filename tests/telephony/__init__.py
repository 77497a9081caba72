import pytest

pytest.register_assert_rewrite("tests.telephony.call_contract")
