"""The second server, as the tests of OAuth have it."""

from tests.oauth.conftest import neighbour

__all__ = ["neighbour"]
