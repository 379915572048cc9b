"""What a result rests on, in words that go with it into every output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["NOTICE", "Provenance"]

NOTICE = "Research use only - not a medical device"


@dataclass(frozen=True, slots=True)
class Provenance:
    """The model of a result: `bundle` is its name and digest, `trained_on` a sentence."""

    bundle: str
    trained_on: str
    notice: str = NOTICE

    @classmethod
    def of(cls, bundle: str, card: Mapping[str, Any]) -> Provenance:
        """What a bundle's card says of its training; a card that says nothing is told as that."""
        return cls(bundle, _sentence(card.get("trained_on")))

    @property
    def name(self) -> str:
        """The bundle's name without its digest."""
        return self.bundle.rpartition("@")[0] or self.bundle

    @property
    def digest(self) -> str:
        """The bundle's digest; "" where it has none."""
        name, _, digest = self.bundle.rpartition("@")
        return digest if name else ""


def _sentence(told: object) -> str:
    source = told.get("source") if isinstance(told, Mapping) else told
    words = source.strip() if isinstance(source, str) else ""
    return words.replace("_", " ") or "not told by the model's card"
