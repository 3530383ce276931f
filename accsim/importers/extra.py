"""The optional dependency."""

from __future__ import annotations

from types import ModuleType

from accsim.errors import AccsimError


def onnx_package() -> ModuleType:
    """The ``onnx`` package.

    Raises:
        AccsimError: it is not installed; says how to install it.
    """
    try:
        import onnx  # noqa: PLC0415
    except ImportError:
        raise AccsimError("reading ONNX models needs the onnx package: pip install 'accsim[onnx]'") from None
    return onnx
