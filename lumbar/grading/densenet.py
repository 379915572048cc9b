"""torchvision's DenseNet-121 as a trunk of features, its weights from where they can be had."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lumbar.errors import ConfigError

if TYPE_CHECKING:
    from torchvision.models import DenseNet

__all__ = ["FEATURES", "PYRAMID", "densenet_trunk", "pyramid"]

FEATURES = 1024
"""Channels of DenseNet-121's last feature map."""

PYRAMID = {"denseblock1": 256, "denseblock2": 512, "denseblock3": 1024, "norm5": 1024}
"""Layers whose outputs a heat map is read from, with their channels; strides 4, 8, 16, 32."""


def densenet_trunk(weights: str = "none") -> nn.Sequential:
    """`features` of DenseNet-121: `[n, 3, h, w]` -> `[n, 1024, h/32, w/32]` before the last ReLU.

    `weights` is `none` (random), `imagenet` (torchvision's, from its cache or the network), or a
    .safetensors file with torchvision's names. Raises ConfigError with the ways out where they
    cannot be had.
    """
    from torchvision.models import densenet121  # a third of a Ray process's start, so only here

    if weights == "imagenet":
        trunk = _imagenet()
    else:
        trunk = densenet121(weights=None)
        if weights != "none":
            _load(trunk, Path(weights))
    return cast(nn.Sequential, trunk.features)


def pyramid(trunk: nn.Sequential, pictures: Tensor) -> list[Tensor]:
    """Outputs of the trunk's layers named in `PYRAMID`, finest first."""
    outputs = []
    signal = pictures
    for name, layer in trunk.named_children():
        signal = layer(signal)
        if name in PYRAMID:
            outputs.append(torch.relu(signal))
    return outputs


def _imagenet() -> DenseNet:
    from torchvision.models import DenseNet121_Weights, densenet121

    try:
        network: DenseNet = densenet121(weights=DenseNet121_Weights.IMAGENET1K_V1)
        return network
    except Exception as error:  # torchvision raises whatever its downloader does
        raise ConfigError(
            "weights: imagenet: torchvision could not load DenseNet-121's ImageNet weights "
            f"({type(error).__name__}). Two ways out: load them once on a machine with a network "
            "and copy torch's cache folder here, or name a .safetensors file (weights: FILE); "
            "weights: none trains from nothing."
        ) from None


def _load(trunk: nn.Module, path: Path) -> None:
    if path.suffix != ".safetensors":
        raise ConfigError(f"weights: {path}: only .safetensors files are read, never pickles")
    try:
        tensors = load_file(path)
    except Exception as error:
        raise ConfigError(f"weights: {path}: cannot be read ({error})") from None
    features = {k: v for k, v in tensors.items() if k.startswith("features.")}
    missing = trunk.load_state_dict(features, strict=False).missing_keys
    lost = [name for name in missing if name.startswith("features.")]
    if lost:
        raise ConfigError(
            f"weights: {path}: {len(lost)} tensors of DenseNet-121 are missing, first {lost[0]}"
        )
