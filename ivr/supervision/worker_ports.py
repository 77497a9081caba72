"""Which ports each worker of a `serve` listens on."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.errors import IvrError
from ivr.ports import LAST_PORT, PortRange, free_ports, refuse_used_port
from ivr.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPorts:
    """TCP ports, worker by worker, and all of their UDP ports for FreeSWITCH's sound."""

    audiosocket: tuple[int, ...] = ()
    freeswitch: tuple[int, ...] = ()
    http: tuple[int, ...] = ()
    media: PortRange | None = None

    @classmethod
    def choose(cls, settings: Settings) -> WorkerPorts:
        """Ports as set, counted up, or free ones where 0 is set: all different, none in use.

        Raises IvrError.
        """
        count = settings.workers
        wanted = {
            "audiosocket": settings.audiosocket_port,
            "freeswitch": settings.freeswitch_port,
            "http": settings.http_port,
        }
        free = free_ports(count * list(wanted.values()).count(0), settings.host)
        chosen: dict[str, tuple[int, ...]] = {}
        taken: dict[int, str] = {}
        for name, first in wanted.items():
            if first == 0:
                chosen[name] = tuple(free.pop() for _ in range(count))
                continue
            setting = f"IVR_{name.upper()}_PORT"
            chosen[name] = tuple(range(first, first + count))
            for port in chosen[name]:
                if port > LAST_PORT or port in taken:
                    why = f"is {taken[port]}'s" if port in taken else "does not exist"
                    raise IvrError(
                        f"{count} workers want ports {first} to {first + count - 1}, "
                        f"and port {port} {why}.",
                        remedy=f"Set {setting} to a port with enough free ones above it.",
                    )
                taken[port] = setting
                refuse_used_port(settings.host, port, setting)
        media = settings.media_ports
        if media is not None and len(media) < count:
            raise IvrError(
                f"{count} workers cannot share the media ports {media}.",
                remedy="Widen IVR_MEDIA_PORTS: each call takes one.",
            )
        return cls(**chosen, media=media)

    def of_worker(self, number: int) -> dict[str, int | PortRange | None]:
        """The settings that say so to worker `number`, from 0."""
        media = self.media
        return {
            "audiosocket_port": self.audiosocket[number],
            "freeswitch_port": self.freeswitch[number],
            "http_port": self.http[number],
            # Parts of their own: a late datagram of one worker's call never meets another's.
            "media_ports": media and media.share(number, len(self.http)),
        }
