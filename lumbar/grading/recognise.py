"""`Recognise` by a network: what imaging asks where headers leave a series open.

torch and the weights are loaded at the first question, so that whoever asks none pays nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lumbar.errors import BundleError
from lumbar.imaging.look import Look

if TYPE_CHECKING:
    from torch import nn

__all__ = ["HERE", "Recogniser", "recognise", "shipped_digest", "write_weights"]

HERE = Path(__file__).parent / "weights"
"""The weights that ship, with their card."""

WEIGHTS, CARD = "views.safetensors", "views.json"

MIN_SIDE = 64
"""A picture of fewer pixels a side is not looked at: a disc space would be one pixel high."""


def recognise(pixels: NDArray[np.float32]) -> Look:
    """What a slice `[rows, columns]` looks like to the classifier that ships with the package."""
    return _shipped()(pixels)


def shipped_digest() -> str:
    """First 16 hexadecimal digits of the shipped weights' sha256; BundleError without a card."""
    try:
        return str(json.loads((HERE / CARD).read_text(encoding="utf-8"))["sha256"])[:16]
    except (OSError, ValueError, KeyError) as error:
        raise BundleError(
            f"{HERE / CARD}: cannot be read ({error}); install lumbar again"
        ) from None


@cache
def _shipped() -> Recogniser:
    return Recogniser.load(HERE)


class Recogniser:
    """A classifier with its weights; call it with a slice."""

    def __init__(self, model: nn.Module, size: int) -> None:
        self._model, self._size = model.eval(), size

    @classmethod
    def load(cls, folder: Path) -> Recogniser:
        """The classifier in a folder; BundleError where its files are missing or damaged."""
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load

        from lumbar.grading.view_net import ViewNet

        try:
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            data = (folder / WEIGHTS).read_bytes()
            size, digest = int(card["recipe"]["views"]["size_px"]), card["sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{folder}: no view classifier that can be read ({error})") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise BundleError(f"{folder / WEIGHTS}: is not the file that {CARD} was written for")
        model = ViewNet()
        try:
            tensors = {name: value.float() for name, value in load(data).items()}
            lost = model.load_state_dict(tensors, strict=False)
            if lost.unexpected_keys or any("num_batches" not in k for k in lost.missing_keys):
                raise RuntimeError(f"tensors {lost.missing_keys} missing")
        except (SafetensorError, RuntimeError) as error:
            raise BundleError(
                f"{folder / WEIGHTS}: does not fit the network: {str(error)[:200]}"
            ) from None
        for parameter in model.parameters():
            if not bool(torch.isfinite(parameter).all()):
                raise BundleError(f"{folder / WEIGHTS}: holds values that are not finite")
        return cls(model, size)

    def __call__(self, pixels: NDArray[np.float32]) -> Look:
        """The shares of the four answers for a slice; all `other` where nothing can be seen."""
        from lumbar.grading.view_net import view_picture

        shown = view_picture(pixels, self._size) if min(pixels.shape) >= MIN_SIDE else None
        return Look({}, 1.0) if shown is None else self.looks(shown[None])[0]

    def looks(self, pictures: NDArray[np.uint8]) -> list[Look]:
        """The shares of the four answers for each of `view_picture`'s pictures `[n, p, p]`."""
        import torch

        from lumbar.grading.view_net import ANSWERS, OTHER
        from lumbar.grading.view_task import answer_logits

        shares = answer_logits(self._model, torch.from_numpy(pictures)).double().softmax(1)
        return [
            Look({v: p for v, p in zip(ANSWERS, row, strict=True) if v is not None}, row[OTHER])
            for row in shares.tolist()
        ]


def write_weights(folder: Path, model: nn.Module, card: Mapping[str, Any]) -> None:
    """Write a classifier's weights as float16 and its card, which holds their sha256."""
    from safetensors.torch import save

    tensors = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    data = save(tensors)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(data)
    sealed = {**card, "sha256": hashlib.sha256(data).hexdigest()}
    text = json.dumps(sealed, indent=1, sort_keys=True) + "\n"
    (folder / CARD).write_text(text, encoding="utf-8")
