"""The locator that ships, for bundles whose grades are made up: random maps are no spine."""

from __future__ import annotations

from lumbar.config import LocatorSettings
from lumbar.grading.bundle import Bundle
from lumbar.grading.networks import LocatorNet
from lumbar.grading.shipped import starter_path

__all__ = ["starter_locator"]


def starter_locator() -> tuple[LocatorNet, LocatorSettings]:
    """The network and its settings, such that no level is left out for want of confidence."""
    bundle = Bundle.load(starter_path())
    locator, settings = bundle.locator(), bundle.config.locator
    assert locator is not None
    assert settings is not None
    return locator.eval(), settings.model_copy(update={"min_confidence": 0.0})
