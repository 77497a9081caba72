"""One typed settings object: `IVR_*` in the environment, then files of IVR_SECRETS_DIR, then
`ivr.toml`, then the defaults.

IVR_SECRETS_DIR names a folder with one file for each setting that is a secret, such as
`ivr_database_url`; Docker and systemd hand secrets over in this way. No secret has a default that
works.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from ivr.errors import IvrError
from ivr.ports import Address, PortRange

PROJECT = Path(__file__).resolve().parent.parent


def _port_range(value: Any) -> Any:
    return PortRange.parse(value) if isinstance(value, str) else value


def _address(value: Any) -> Any:
    return Address.parse(value) if isinstance(value, str) else value


_MOST_RECOGNISER_THREADS = 4
"""The one thread that carries a worker's sound is busy before more than these are."""


def _threads_for(given: dict[str, Any]) -> int:
    """Beyond its share of the cores a worker's recognition only holds up what carries sound."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers: int = given.get("workers", 1)
    return max(1, min((cores or 1) // workers, _MOST_RECOGNISER_THREADS))


def nlu_of(flow: Path) -> Path | None:
    """Where the sentences are that a flow understands: the folder of its name in `nlu_models`,
    beside the folder that the flow is in. None where there is none.
    """
    folder = flow.resolve().parent.parent / "nlu_models" / flow.stem
    return folder if folder.is_dir() else None


class Settings(BaseSettings):
    """Everything that can be set. Times in seconds (`_s`) or milliseconds (`_ms`)."""

    model_config = SettingsConfigDict(env_prefix="IVR_", extra="ignore", toml_file="ivr.toml")

    env: Literal["development", "production"] = "development"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    var_dir: Path = PROJECT / "var"
    """Where everything lives that the programs write."""

    record_calls: bool = False
    """Record every call, also where its flow does not say so. Tell the callers."""
    recordings_dir: Path | None = None
    """Where recorded calls and messages lie; None: `var_dir`/recordings."""
    keep_recordings_days: int | None = Field(None, ge=1)
    """Recordings and messages older than this are deleted; None: somebody else does that."""

    flow: Path = PROJECT / "flows" / "bank.json"
    flow_trial: Path | None = None
    """A flow that some of the callers hear instead, always the same ones; it understands what
    `flow` does. Records name the flow and version of each call."""
    flow_trial_share: float = Field(0.0, ge=0, le=1)
    """Which part of the callers."""
    nlu_dir: Path = PROJECT / "nlu_models" / "bank"
    """What callers' sentences mean, a folder for each language. Not set: see `nlu_of`."""
    nlu_engine: Literal["spacy", "minilm"] = "spacy"
    """What understands in each worker's own process; `minilm` needs `make minilm`."""
    rasa_urls: dict[str, str] = Field(default_factory=dict)
    """Rasa's server of a language, e.g. {"en": "http://127.0.0.1:5005"}: asked first, and
    `nlu_engine` answers while it is away."""
    models_dir: Path | None = None
    """Where installed recognition models live; None: `var_dir`/models."""
    recognition_models: dict[str, str] = Field(default_factory=dict)
    """Which model hears a language, by name, e.g. {"en": "vosk-model-en-us-0.22"}; for the others
    the best installed one."""
    vosk_servers: dict[str, str] = Field(default_factory=dict)
    """A vosk-server of a language, e.g. {"en": "ws://10.0.0.5:2700"}: hears it first, and the
    models here while it is away."""
    whisper_model: Path | None = None
    """The folder of a model of faster-whisper (the extra `whisper`): hears, late, what no other
    engine can."""
    whisper_languages: tuple[str, ...] = ()
    bundled_models_dir: Path = PROJECT / "models"

    host: str = "127.0.0.1"
    audiosocket_port: int = Field(9092, ge=0, le=65535)
    freeswitch_port: int = Field(9082, ge=0, le=65535)
    """Where a FreeSWITCH dialplan's `socket` connects to."""
    http_port: int = Field(9072, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=64)
    """How many workers `serve` runs; worker n listens n ports above the three given."""
    spare_workers: int = Field(1, ge=0, le=8)
    """Workers that `serve` keeps loaded, to stand in at once for one that dies or freezes. Each
    takes the memory of a worker without calls."""
    drain_s: float = Field(60.0, ge=0)
    max_calls: int = Field(200, ge=1)
    """The most that a worker takes, however little they cost it; what it can carry, it measures."""
    most_lag_ms: float = Field(10.0, gt=0)
    """A worker that is busy, and whose event loop is later than this in one moment of four, takes
    no new call until it is not, and then for a while somewhat fewer at once; nor does one that
    is mostly six times as late, whoever holds it up."""
    most_backlog_ms: float = Field(24.0, gt=0)
    """Nor one where what waits for one of the `recogniser_threads` takes each of them longer than
    this, in time of a processor; where those are busy too, the words come later by a multiple."""
    places: int | None = Field(None, ge=1)
    """Calls that all workers together have at once; further callers wait in a queue. None: as many
    as the workers take."""
    longest_queue: int = Field(20, ge=0)
    """Callers who wait for one of the `places`; further ones are told that all lines are busy."""

    trusted_trunks: tuple[str, ...] = ()
    """Trunks, by the names that the edge gives them, whose callers' numbers can be believed: who
    rings again from one of them may go on where they were. Empty: nobody may."""
    caller_key: SecretStr | None = None
    """Turns the numbers of these callers into what is kept of them; the same for all workers.
    None: `serve` makes one where Redis is its own, else nobody is remembered."""

    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    synthesis_url: str | None = None
    """`unix:/path` or `tcp://host:port` of the speech-synthesis process; None: `serve` starts
    espeak-ng."""
    synthesis_engines: tuple[str, ...] = ()
    """Engines that speak before that one, in this order, e.g. ["tcp://tts:9074", "piper"]: the
    address of a process, or `coqui` or `piper`, which `serve` then starts itself."""
    synthesis_models: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The models of those that `serve` starts, e.g. {"piper": ["en=/voices/en_US-joe.onnx"]}."""
    integrations: dict[str, str] = Field(default_factory=dict)
    """Base URL of each integration that flows name, e.g. {"bank": "http://127.0.0.1:9070"}."""

    ami_host: str = "127.0.0.1"
    ami_port: int = Field(5038, ge=1, le=65535)
    ami_user: str = "ivr"
    ami_secret: SecretStr | None = None
    """None: no Asterisk Manager Interface; language and transfers then stay unknown to us."""

    freeswitch_switches: tuple[IPv4Network, ...] = ()
    """Networks whose FreeSWITCH may connect, e.g. ["10.0.0.0/24"]; empty: whoever reaches the
    port."""
    media_ports: Annotated[PortRange | None, NoDecode, BeforeValidator(_port_range)] = None
    """UDP ports for the sound of FreeSWITCH's calls, e.g. "16000-16999"; the workers of a `serve`
    share them out. None: any free port."""
    event_sockets: tuple[Annotated[Address, BeforeValidator(_address)], ...] = (
        Address("127.0.0.1", 8021),
    )
    """The Event Socket of each FreeSWITCH that is ours, e.g. ["10.0.0.5:8021", "10.0.0.6:8021"]."""
    event_socket_password: SecretStr | None = None
    """Of all of them. For `serve`: their workers are all its own, and they take no calls while
    none of these would; for `ivrctl calls`: their live calls can be seen. None: neither."""

    recogniser_threads: int = Field(default_factory=_threads_for, ge=1, le=32)
    """Threads of each worker that turn sound into words; unset: as many as the machine has cores
    for each of the `workers`, 4 at most."""
    worker_name: str = "worker-0"

    @model_validator(mode="after")
    def _understands_the_flow(self) -> Self:
        if "nlu_dir" not in self.model_fields_set:
            self.nlu_dir = nlu_of(self.flow) or self.nlu_dir
        return self

    @property
    def installed_models_dir(self) -> Path:
        """Where `ivrctl models install` puts models."""
        return self.models_dir or self.var_dir / "models"

    def as_environment(self) -> dict[str, str]:
        """Return the settings as `IVR_*` variables, for a child process."""
        variables = {}
        for name, value in self:
            if value is None:
                continue
            if isinstance(value, SecretStr):
                text = value.get_secret_value()
            elif isinstance(value, dict):
                text = json.dumps(value)
            elif isinstance(value, Sequence) and not isinstance(value, str):
                text = json.dumps([str(each) for each in value])
            else:
                text = str(value)
            variables[f"IVR_{name.upper()}"] = text
        return variables

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then secrets' files, then the file."""
        toml = TomlConfigSettingsSource(settings_cls)
        folder = os.environ.get("IVR_SECRETS_DIR")
        if not folder:
            return (init_settings, env_settings, toml)
        return (init_settings, env_settings, _secrets_of(settings_cls, Path(folder)), toml)


def _secrets_of(settings_cls: type[BaseSettings], folder: Path) -> PydanticBaseSettingsSource:
    if not folder.is_dir():
        raise IvrError(
            f"IVR_SECRETS_DIR names {folder}, which is no folder.",
            remedy="Make the secrets (make secrets), or name their folder.",
        )
    return SecretsSettingsSource(settings_cls, secrets_dir=folder)


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The process's settings. Raises IvrError, naming the setting, when one is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise IvrError(
            f"Setting {name} is wrong: {first['msg']}.",
            remedy=f"Set IVR_{name.upper()} in the environment or {name} in ivr.toml.",
        ) from None
    except SettingsError as error:
        # Its sentence names the field and the source, e.g. a dictionary that is no JSON.
        raise IvrError(
            f"A setting cannot be read: {error}.",
            remedy="Lists and dictionaries are written as JSON in the environment.",
        ) from None
    except (OSError, ValueError) as error:
        raise IvrError(f"ivr.toml cannot be read: {error}.", remedy="Mend the file.") from None
