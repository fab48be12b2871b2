"""What the server of `killing` imports once: everything that any command may import."""

import importlib
import pkgutil

import pytest  # noqa: F401  (each process imports its parent's main module)

import vostool
from vostool.nn import torchvision_compat

for found in pkgutil.walk_packages(vostool.__path__, "vostool."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
torchvision_compat.enable()
for late in ("timm", "safetensors.torch", "matplotlib.pyplot", "scipy.ndimage"):
    importlib.import_module(late)
