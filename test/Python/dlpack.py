# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tensors that have DLPack and nothing else, of any type, device and version."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _Managed(ctypes.Structure):
    _fields_ = [
        ("tensor", _Tensor),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
    ]


class _Versioned(ctypes.Structure):
    _fields_ = [
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    ]


_DESTRUCTOR = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, _DESTRUCTOR]


class Tensor:
    """The memory of an array as a DLPack tensor of type (code, bits, lanes).

    `version` None is the protocol before 1.0. `made` counts capsules, `freed`
    those that are gone.
    """

    def __init__(
        self,
        array: np.ndarray,
        type: tuple[int, int, int],
        version: int | None = 1,
        flags: int = 0,
        device: int = 1,
        has_strides: bool = True,
        byte_offset: int = 0,
    ) -> None:
        self.array = array
        self.device = device
        self.made = self.freed = 0
        self.version = version
        rank = array.ndim
        self._shape = (ctypes.c_int64 * rank)(*array.shape)
        steps = [stride // array.itemsize for stride in array.strides]
        self._strides = (ctypes.c_int64 * rank)(*steps)
        tensor = _Tensor(
            array.ctypes.data - byte_offset,
            device,
            0,
            rank,
            *type,
            self._shape,
            self._strides if has_strides else None,
            byte_offset,
        )
        if version is None:
            self._managed: ctypes.Structure = _Managed(tensor, None, None)
        else:
            self._managed = _Versioned(version, 0, None, None, flags, tensor)
        self._destroy = _DESTRUCTOR(self._count)

    def _count(self, capsule: int) -> None:
        self.freed += 1

    def __dlpack__(self, **options: Any) -> Any:
        if self.version is None and options:
            raise TypeError("unexpected keyword argument")
        self.made += 1
        name = b"dltensor" if self.version is None else b"dltensor_versioned"
        return _new_capsule(ctypes.addressof(self._managed), name, self._destroy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device, 0
