"""What a test may turn while the stack runs (`POST /local-stack/settings`)."""

from dataclasses import asdict, dataclass

from .clock import Clock


class InvalidSetting(ValueError):
    """A setting's name or value that this stack does not take."""


@dataclass
class Settings:
    # At most this long do credentials issued from now on live, whatever DurationSeconds says; None: as asked.
    credential_lifetime_seconds: float | None = None
    # Likewise access tokens of /oauth2/token; None: the app client's own validity.
    token_lifetime_seconds: float | None = None
    # What `aws:SecureTransport` says. The stack plays endpoints that are TLS in AWS, so it is true unless a test asks.
    secure_transport: bool = True
    # Off only while the stack seeds itself.
    enforce_iam: bool = False
    # The stack's wall clock minus the machine's.
    clock_offset_seconds: float = 0

    def __post_init__(self) -> None:
        self._clock = Clock()

    def change(self, values: dict) -> dict:
        for name, value in values.items():
            if name in ("credential_lifetime_seconds", "token_lifetime_seconds"):
                # bool is a kind of int to Python.
                valid = value is None or (type(value) in (int, float) and value >= 0)
            elif name == "clock_offset_seconds":
                valid = type(value) in (int, float)
            elif name == "secure_transport":
                valid = isinstance(value, bool)
            else:
                raise InvalidSetting(f"{name}: no such setting")
            if not valid:
                raise InvalidSetting(f"{name}: {value!r} is not a value for it")
        for name, value in values.items():
            setattr(self, name, value)
        if "clock_offset_seconds" in values:
            self._clock.move_to(values["clock_offset_seconds"])
        return asdict(self)
