"""Whoever we talk to: does it answer, does it let us in, and is it the same time there?"""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg
import redis

from ivr.doctor.checks import listens
from ivr.doctor.finding import Finding, well
from ivr.edge.nodes import list_nodes
from ivr.edge.rpc import EdgeRpc
from ivr.errors import IvrError
from ivr.ports import Address
from ivr.settings import Settings
from ivr.speech.synthesis.wire import split_url
from ivr.telephony.freeswitch.client import EslClient

CLOCK_S = 2.0
_ANSWER_S = 3


def neighbours(settings: Settings, edge: Path) -> Iterator[Finding]:
    """Each neighbour that is configured takes a connection."""
    if settings.ami_secret is not None:
        yield _reached("asterisk", settings.ami_host, settings.ami_port)
    if settings.event_socket_password is not None:
        password = settings.event_socket_password.get_secret_value()
        for each in settings.event_sockets:
            yield _let_in(each, password)
    if settings.database_url is not None:
        yield _postgres(settings.database_url.get_secret_value())
    if settings.redis_url is not None:
        yield _redis(settings.redis_url.get_secret_value())
    if edge.exists():
        try:
            nodes = list_nodes(EdgeRpc(edge))
        except IvrError as error:
            yield Finding(check="kamailio", level="wrong", text=error.what, remedy=error.remedy)
        else:
            ready = [node.name for node in nodes if node.state == "ready"]
            yield Finding(
                check="kamailio",
                level="ok" if ready else "wrong",
                text=f"{len(ready)} of {len(nodes)} nodes are ready",
                remedy="" if ready else "See `ivrctl nodes list`.",
            )
    for name, base in settings.integrations.items():
        yield _clock(name, base)
    for url in (*settings.synthesis_engines, settings.synthesis_url):
        if url is not None and ":" in url:
            yield _speaks(url)
    for language, base in settings.rasa_urls.items():
        yield _clock(f"rasa ({language})", base)


def _postgres(url: str) -> Finding:
    try:
        with psycopg.connect(url, connect_timeout=_ANSWER_S) as connection:
            row = connection.execute(
                "SELECT extract(epoch FROM now()), current_setting('server_version')"
            ).fetchone()
    except psycopg.Error as error:
        # What libpq says holds the host, never the password.
        return _away("postgres", str(error), "IVR_DATABASE_URL")
    assert row is not None
    return _same_time("postgres", f"PostgreSQL {row[1].split()[0]}", float(row[0]))


def _redis(url: str) -> Finding:
    try:
        with redis.Redis.from_url(url, socket_timeout=_ANSWER_S) as client:
            seconds, _ = client.time()
            version = client.info("server")["redis_version"]
    except (redis.RedisError, OSError, ValueError) as error:
        return _away("redis", str(error), "IVR_REDIS_URL")
    return _same_time("redis", f"Redis {version}", float(seconds))


def _away(name: str, error: str, setting: str) -> Finding:
    said = " ".join(error.split())
    return Finding(
        check=name,
        level="wrong",
        text=f"it does not let us in: {said}",
        remedy=f"See that it runs, and that {setting} names it.",
    )


def _same_time(name: str, what: str, theirs: float) -> Finding:
    apart = abs(time.time() - theirs)
    if apart <= CLOCK_S:
        return well(name, f"{what} lets us in, and our clocks agree")
    return Finding(
        check="clocks",
        level="wrong",
        text=f"our clock and that of {what} are {apart:.0f} s apart",
        remedy="Run an NTP client on both.",
    )


def _speaks(url: str) -> Finding:
    """A speech engine is a process with a socket."""
    try:
        place = split_url(url)
    except IvrError as error:
        return Finding(check="synthesis", level="wrong", text=error.what, remedy=error.remedy)
    if isinstance(place, tuple):
        return _reached("synthesis", *place)
    if Path(place).is_socket():
        return well("synthesis", f"{place} is there")
    text = f"{place} is no socket"
    return Finding(check="synthesis", level="wrong", text=text, remedy="Start the engine.")


def _let_in(address: Address, password: str) -> Finding:
    async def ask() -> str:
        client = await EslClient.connect(address.host, address.port, password, within_s=_ANSWER_S)
        try:
            return (await client.api("version short")).strip()
        finally:
            await client.close()

    try:
        version = asyncio.run(ask())
    except IvrError as error:
        return Finding(check="freeswitch", level="wrong", text=error.what, remedy=error.remedy)
    return well("freeswitch", f"FreeSWITCH {version} at {address} lets us in")


def _reached(name: str, host: str, port: int) -> Finding:
    if listens(host, port):
        return well(name, f"{host}:{port} takes connections")
    return Finding(
        check=name,
        level="wrong",
        text=f"{host}:{port} takes no connection",
        remedy="See that it runs.",
    )


def _clock(name: str, base: str) -> Finding:
    """An HTTP server's Date header says whether our clocks agree."""
    try:
        with urlopen(Request(base, method="HEAD"), timeout=2) as answer:  # noqa: S310
            date = answer.headers.get("Date")
    except OSError as error:
        date = getattr(getattr(error, "headers", None), "get", lambda _: None)("Date")
        if date is None:
            return Finding(
                check=name, level="warning", text=f"{base} does not answer", remedy="Start it."
            )
    if date is None:
        return well(name, f"{base} answers")
    apart = abs(time.time() - email.utils.parsedate_to_datetime(date).timestamp())
    if apart > CLOCK_S:
        return Finding(
            check="clocks",
            level="wrong",
            text=f"our clock and that of {base} are {apart:.0f} s apart",
            remedy="Run an NTP client on both.",
        )
    return well(name, f"{base} answers, and our clocks agree")
