"""On which channels a guest may be told of offers: what the newest answer for each comes to.

An answer to `marketing` counts for every channel. `marketing_consent`, which two of the doors know
alone, is whether any channel may be used.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

MARKETING: Final = "marketing"
CHANNELS: Final = ("email", "sms", "push", "whatsapp")


class Answers(msgspec.Struct, frozen=True):
    """One answer a channel; None where none was given."""

    email: bool | None = None
    sms: bool | None = None
    push: bool | None = None
    whatsapp: bool | None = None

    @classmethod
    def everywhere(cls, answer: bool | None) -> "Answers":
        return cls(*(answer for _ in CHANNELS))

    @property
    def is_any(self) -> bool:
        return any(getattr(self, channel) is True for channel in CHANNELS)

    @property
    def columns(self) -> tuple[bool | None, ...]:
        """As they stand in `guests`, in the order of `CHANNELS`."""
        return msgspec.structs.astuple(self)

    def answered(self, given: Mapping[str, bool]) -> "Answers":
        return msgspec.structs.replace(self, **given)

    def withdrawn(self, after: "Answers") -> bool:
        """Whether a yes of these is none any more in `after`."""
        return any(old is True and new is not True for old, new in zip(self.columns, after.columns, strict=True))

    def joined(self, other: "Answers") -> "Answers":
        """Of two records of one person: what either refused is refused."""
        return Answers(*(_joined(mine, theirs) for mine, theirs in zip(self.columns, other.columns, strict=True)))

    def since(self, before: "Answers") -> list[tuple[str, bool]]:
        """The answers that lead here from `before`, for the history: to every channel at once where that says it."""
        changed = [
            (channel, answer)
            for channel, answer, old in zip(CHANNELS, self.columns, before.columns, strict=True)
            if answer is not None and answer is not old
        ]
        answers = {answer for _, answer in changed}
        if len(answers) == 1 and self == Answers.everywhere(next(iter(answers))):
            return [(MARKETING, answers.pop())]
        return changed


def _joined(mine: bool | None, theirs: bool | None) -> bool | None:
    given = [answer for answer in (mine, theirs) if answer is not None]
    return all(given) if given else None
