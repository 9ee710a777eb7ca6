"""What a request says, and the ways in which it can be wrong."""

from collections.abc import Sequence
from urllib.parse import parse_qsl

_MOST_FIELDS = 60


class Refused(Exception):
    """An error of OAuth's own shape. RFC 6749 section 5.2."""

    def __init__(self, code: str, description: str, *, status: int = 400, by_basic: bool = False) -> None:
        self.code = code
        # RFC 6749 section 5.2: quotes and backslashes may not stand in it.
        self.description = description.replace('"', "'").replace("\\", "/")
        self.status = status
        self.by_basic = by_basic
        super().__init__(code)


class PageFault(Exception):
    """The request to authorize names no client, or none of its redirect URIs: the person is told, nobody else."""


class RedirectFault(Exception):
    """The client is told, by way of the browser."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        super().__init__()


class Parameters:
    """Names and values of a form or a query. An empty value is an absent one (OAuth 2.1 section 3.1)."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.lists: dict[str, list[str]] = {}
        for name, value in pairs:
            if value:
                self.lists.setdefault(name, []).append(value)
        self.values = {name: given[0] for name, given in self.lists.items()}

    @classmethod
    def read(cls, raw: bytes) -> "Parameters":
        """Raises Refused invalid_request for what is not `application/x-www-form-urlencoded`."""
        try:
            pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
        except ValueError:
            raise Refused("invalid_request", "The parameters cannot be read.") from None
        return cls(pairs)

    def get(self, name: str) -> str | None:
        return self.values.get(name)

    @property
    def repeated(self) -> list[str]:
        return [name for name, given in self.lists.items() if len(given) > 1]
