"""The house's own errors. They know no HTTP; each door has a table from error to answer.

HospesError
├── NotFound        it does not exist, or not in this workspace
├── Conflict        the request contradicts what is already there
│   └── Duplicate   what was to be created exists; `existing_id` names it
├── Invalid         a value cannot be accepted; `field` says which
├── Forbidden       the caller may not do this
├── Exhausted       a limited thing is used up
├── TooOften        a limit in time is reached; `seconds` says how long to wait
├── Busy            try again later; nothing was written
├── ProviderFailed  somebody outside the house does not answer
└── Misconfigured   the operator has to change something first
"""

from typing import Any


class HospesError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        """The message defaults to the class's docstring; `facts` are for doors, never for logs."""
        self.message = message or (self.__doc__ or "").strip()
        self.facts = facts
        super().__init__(self.message)


class NotFound(HospesError):
    """Not found."""


class Conflict(HospesError):
    """The request conflicts with the present state."""


class Duplicate(Conflict):
    """It already exists."""

    def __init__(self, message: str | None = None, *, existing_id: int | None = None, **facts: Any) -> None:
        self.existing_id = existing_id
        super().__init__(message, **facts)


class Invalid(HospesError):
    """The value is not valid."""

    def __init__(self, message: str | None = None, *, field: str | None = None, **facts: Any) -> None:
        self.field = field
        super().__init__(message, **facts)


class Forbidden(HospesError):
    """Not allowed."""


class Exhausted(HospesError):
    """Nothing is left of it."""


class TooOften(HospesError):
    """Too often. Try again later."""

    def __init__(self, message: str | None = None, *, seconds: int = 1, **facts: Any) -> None:
        self.seconds = seconds
        super().__init__(message, **facts)


class Busy(HospesError):
    """The server is busy. Try again in a moment."""


class ProviderFailed(HospesError):
    """A service outside this server does not answer. Try again later."""


class Misconfigured(HospesError):
    """The configuration has to change first."""
