"""The example bank: its money adds up, and its process can be started and ended."""

from __future__ import annotations

import subprocess
import sys
import threading
from decimal import Decimal

import httpx
import pytest

from ivr.errors import IvrError
from ivr.integrations.bank_api import BankApi


def post(bank: BankApi, path: str, key: str, **body: str) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return httpx.post(bank.url + path, json=body, headers=headers, trust_env=False)


def fetch(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False)


def test_a_key_belongs_to_one_request() -> None:
    with BankApi() as bank:
        order = {"from": "123456", "to": "447123", "amount": "10"}
        first = post(bank, "/transfers", "k", **order)
        again = post(bank, "/transfers", "k", **order)
        other = post(bank, "/transfers", "k", **(order | {"amount": "20"}))
        assert [answer.status_code for answer in (first, again, other)] == [201, 200, 409]
        assert first.json() == again.json() == fetch(f"{bank.url}/transfers/k").json()
        assert fetch(f"{bank.url}/transfers/unknown").status_code == 404
        assert fetch(f"{bank.url}/stats").json()["transfers"] == 1
        assert bank.balance("447123") == Decimal("1260.00")


@pytest.mark.parametrize("amount", ["0", "-5", "0.001", "NaN", "Infinity", "1e400", "", "ten"])
def test_what_is_no_amount_moves_no_money(amount: str) -> None:
    with BankApi() as bank:
        answer = post(bank, "/transfers", "k", **{"from": "447123", "to": "556677"}, amount=amount)
        assert answer.status_code == 422
        assert (bank.transfers, bank.balance("447123")) == (0, Decimal("1250.00"))


def test_a_card_is_blocked_once() -> None:
    with BankApi() as bank:
        answers = [
            post(bank, "/cards/block", "k", type="credit", last4="1234").status_code
            for _ in range(2)
        ]
        assert answers == [201, 200]
        assert fetch(f"{bank.url}/cards/block/k").json()["status"] == "blocked"
        assert post(bank, "/cards/block", "k2", type="library", last4="1").status_code == 422
        assert post(bank, "/cards/block", "", type="credit", last4="1234").status_code == 400
        assert fetch(f"{bank.url}/stats").json()["cards_blocked"] == 1


def test_many_at_once_with_one_key_make_one_transfer() -> None:
    with BankApi(latency_s=0.02) as bank:
        order = {"from": "123456", "to": "447123", "amount": "1.00"}
        seen: list[int] = []

        def send() -> None:
            seen.append(post(bank, "/transfers", "k", **order).status_code)

        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(seen) == [200] * 7 + [201]
        assert bank.transfers == 1


def test_it_runs_as_a_program_and_refuses_a_taken_port() -> None:
    command = [sys.executable, "-m", "ivr.integrations.bank_api", "--port"]
    with subprocess.Popen(
        [*command, "0", "--print-port"], stdout=subprocess.PIPE, text=True
    ) as bank:
        assert bank.stdout is not None
        port = bank.stdout.readline().strip()
        answer = fetch(f"http://127.0.0.1:{port}/accounts/556677")
        assert (answer.json()["holder"], answer.json()["balance"]) == ("raj", "80.50")
        second = subprocess.run(
            [*command, port], capture_output=True, text=True, timeout=20, check=False
        )
        assert second.returncode == 2
        assert f"cannot listen on port {port}" in second.stderr
        assert "Traceback" not in second.stderr
        bank.terminate()


def test_before_its_start_it_has_no_port() -> None:
    with pytest.raises(IvrError, match="not started"):
        _ = BankApi().port
