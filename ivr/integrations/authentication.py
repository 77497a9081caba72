"""Who we are to an integration: the headers that say so."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping

import httpx

from ivr.integrations.integration import ApiKey, Bearer, ClientCredentials, Integration
from ivr.integrations.secrets import secret

_EARLY_S = 30.0
"""How long before its end a token is no longer used."""
_UNTOLD_S = 60.0
"""How long a token is used whose end was not told."""
_LONGEST_ANSWER = 1 << 16


class TokenRefused(Exception):
    """The authorisation server gave no token."""


class Credentials(ABC):
    """The headers of a request, and what must never be logged."""

    secrets: tuple[str, ...] = ()

    @abstractmethod
    async def headers(self, client: httpx.AsyncClient) -> Mapping[str, str]:
        """What to send. Raises httpx.TransportError or TokenRefused."""

    def forget(self) -> bool:
        """The integration would not have what we sent: whether there may be something newer."""
        return False


class _Fixed(Credentials):
    """Headers that never change."""

    def __init__(self, headers: Mapping[str, str], *secrets: str) -> None:
        self._headers = headers
        self.secrets = secrets

    async def headers(self, client: httpx.AsyncClient) -> Mapping[str, str]:
        return self._headers


class _Token(Credentials):
    """An access token, asked for when there is none, by one request at a time."""

    def __init__(self, auth: ClientCredentials) -> None:
        self._auth = auth
        self._secret = secret(auth.client_secret)
        self._token = ""
        self._until = 0.0
        self._asking = asyncio.Lock()

    @property
    def secrets(self) -> tuple[str, ...]:  # type: ignore[override]
        """What must never be logged."""
        return (self._secret, self._token) if self._token else (self._secret,)

    async def headers(self, client: httpx.AsyncClient) -> Mapping[str, str]:
        async with self._asking:
            if not self._token or asyncio.get_running_loop().time() >= self._until:
                await self._ask(client)
        return {"Authorization": f"Bearer {self._token}"}

    def forget(self) -> bool:
        had, self._token = bool(self._token), ""
        return had

    async def _ask(self, client: httpx.AsyncClient) -> None:
        form = {"grant_type": "client_credentials"}
        if self._auth.scope is not None:
            form["scope"] = self._auth.scope
        response = await client.post(
            self._auth.token_url,
            data=form,
            auth=httpx.BasicAuth(self._auth.client_id, self._secret),
        )
        token, lasts = self._read(response)
        self._token = token
        self._until = asyncio.get_running_loop().time() + max(0.0, lasts - _EARLY_S)

    @staticmethod
    def _read(response: httpx.Response) -> tuple[str, float]:
        if response.status_code != 200 or len(response.content) > _LONGEST_ANSWER:
            raise TokenRefused(f"HTTP status {response.status_code}")
        try:
            answer = response.json()
        except (ValueError, RecursionError):
            raise TokenRefused("the answer is no JSON") from None
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if (
            not isinstance(token, str)
            or not token
            or not token.isascii()
            or not token.isprintable()
        ):
            raise TokenRefused("the answer holds no token")
        lasts = answer.get("expires_in")
        return token, float(lasts) if isinstance(lasts, int | float) else _UNTOLD_S


def credentials_of(integration: Integration) -> Credentials:
    """What to show the integration. Raises IvrError where a secret is not there."""
    auth, own = integration.auth, dict(integration.headers)
    match auth:
        case Bearer(token=reference):
            token = secret(reference)
            return _Fixed({**own, "Authorization": f"Bearer {token}"}, token)
        case ApiKey(key=reference, header=header):
            key = secret(reference)
            return _Fixed({**own, header: key}, key)
        case ClientCredentials():
            return _Token(auth)
    return _Fixed(own)
