"""How an integration is reached: where it is, who we are to it, and what we may ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ivr.errors import IvrError

FROM_FILE = "file:"
"""Begins a setting that names a file with an integration, instead of its base URL."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NoAuth(_Part):
    """It asks for nothing."""

    kind: Literal["none"] = "none"


class Bearer(_Part):
    """A token that does not change (RFC 6750). `token` refers to a secret: see `secrets`."""

    kind: Literal["bearer"]
    token: str


class ApiKey(_Part):
    """A key in a header of its own."""

    kind: Literal["api_key"]
    key: str
    header: str = Field("X-API-Key", pattern=r"^[A-Za-z0-9-]{1,64}$")


class ClientCredentials(_Part):
    """OAuth 2.0 client credentials (RFC 6749 section 4.4)."""

    kind: Literal["client_credentials"]
    token_url: str
    client_id: str
    client_secret: str
    scope: str | None = None


Auth = Annotated[NoAuth | Bearer | ApiKey | ClientCredentials, Field(discriminator="kind")]


class Integration(_Part):
    """One integration. Times in ms (`_ms`) or s (`_s`)."""

    base_url: str
    auth: Auth = NoAuth()
    hosts: tuple[str, ...] = ()
    """Hosts that may be asked beside that of `base_url`: for the token's URL."""
    headers: Mapping[str, str] = Field(default_factory=dict)
    ca_file: Path | None = None
    """Certificates to believe instead of the system's."""
    retries: int = Field(2, ge=0, le=5)
    """How often a read is tried again."""
    backoff_ms: int = Field(100, ge=0, le=5000)
    """Before the first retry; doubled for each one more."""
    rests_after: int = Field(5, ge=1)
    """Failures in a row after which it is not asked for `rests_s`."""
    rests_s: float = Field(10.0, gt=0)
    rate_per_s: float | None = Field(None, gt=0)
    """Requests a second at most; None: any number."""
    concurrent: int = Field(32, ge=1)
    """Requests under way at most, in this process."""

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return self.base_url.rstrip("/")


def integration_of(name: str, setting: str | Integration) -> Integration:
    """The integration that a setting tells of: a base URL, or "file:" and the path of a JSON file.
    Raises IvrError.
    """
    if isinstance(setting, str):
        if setting.startswith(FROM_FILE):
            setting = _read(name, Path(setting.removeprefix(FROM_FILE)))
        else:
            setting = Integration.model_construct(**_DEFAULTS, base_url=setting)
    _check(name, setting)
    return setting


def _read(name: str, path: Path) -> Integration:
    try:
        return Integration.model_validate_json(path.read_bytes())
    except OSError as error:
        raise IvrError(
            f"The integration {name!r} cannot be read from {path}: {error.strerror}.",
            remedy="Check IVR_INTEGRATIONS.",
        ) from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise IvrError(
            f"{path}: {where or 'the document'} is wrong: {first['msg'].lower()}.",
            remedy="See docs/integrations.md.",
        ) from None


def _check(name: str, integration: Integration) -> None:
    base = _parsed(integration.base_url)
    if base is None:
        raise IvrError(
            f"The base URL of integration {name!r} cannot be used.",
            remedy='Set IVR_INTEGRATIONS like {"bank": "http://127.0.0.1:9070"}.',
        )
    auth = integration.auth
    if isinstance(auth, ClientCredentials):
        token = _parsed(auth.token_url)
        if token is None or token.host not in (base.host, *integration.hosts):
            raise IvrError(
                f"The token URL of integration {name!r} is on no host that may be asked.",
                remedy='Name its host in "hosts".',
            )


def _parsed(text: str) -> httpx.URL | None:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError, ValueError):
        return None
    plain = url.scheme in ("http", "https") and url.host and not url.query and not url.fragment
    return url if plain and not url.userinfo else None


_DEFAULTS = {
    name: field.get_default(call_default_factory=True)
    for name, field in Integration.model_fields.items()
    if not field.is_required()
}
