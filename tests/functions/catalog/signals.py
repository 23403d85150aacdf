"""Fourier transforms and complex numbers: x, y float32[batch,4,6]."""

from __future__ import annotations

from tests.functions.item import Call

SIGNALS: dict[str, Call] = {
    "stft": lambda k, x, y: k.stft(k.reshape(x, (-1, 24)), 8, 4, 8),
    "istft": lambda k, x, y: k.istft(k.stft(k.reshape(x, (-1, 24)), 8, 4, 8), 8, 4, 8),
    "rfft": lambda k, x, y: k.rfft(x),
    "irfft": lambda k, x, y: k.irfft(k.rfft(x)),
    "fft": lambda k, x, y: k.fft((x, y)),
    "fft2": lambda k, x, y: k.fft2((x, y)),
    "ifft2": lambda k, x, y: k.ifft2((x, y)),
    "polar": lambda k, x, y: k.abs(k.polar(k.abs(x), y)),
    "view_as_complex": lambda k, x, y: k.abs(k.view_as_complex(k.stack([x, y], -1))),
    "view_as_real": lambda k, x, y: k.view_as_real(k.view_as_complex(k.stack([x, y], -1))),
}
