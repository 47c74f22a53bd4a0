#!/usr/bin/python3
"""Golden numbers for common/dsp, computed independently in double precision.

Run from anywhere: writes dsp_golden.h beside itself. Needs numpy only. The
formulas are written from their definitions, not from the C code: the Fourier
transform is numpy's, filters are built from their edges, the DCT from its sum.
"""
import os

import numpy as np

RATE = 16000
FRAME, HOP, FFT = 400, 160, 512
LFCC_FRAME = 320


def make_signal():
    """A quarter of a second: a gliding voice, noise, an offset and 40 ms of zeros. 16-bit steps."""
    n = np.arange(4000)
    pitch = 120.0 + 40.0 * n / len(n)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(k * phase) / k ** 0.7 for k in range(1, 25))
    state, noise = 12345, []
    for _ in n:
        state = (1103515245 * state + 12345) % 2 ** 31
        noise.append(state / 2 ** 30 - 1.0)
    x = 0.05 + 0.08 * voice * (1 + np.sin(2 * np.pi * 5 * n / RATE)) + 0.01 * np.array(noise)
    x[1800:2440] = 0.0
    return np.clip(np.round(x * 32768), -32768, 32767).astype(int)


def frames_of(x, length):
    return np.array([x[s:s + length] for s in range(0, len(x) - length + 1, HOP)])


def hamming(length):
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(length) / (length - 1))


def hann(length):
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))


def power_of(frame, pre_emphasis):
    frame = frame - frame.mean()
    before = np.concatenate([frame[:1], frame[:-1]])
    return np.abs(np.fft.rfft((frame - pre_emphasis * before) * hamming(len(frame)), FFT)) ** 2


def mel(hz):
    return 2595.0 * np.log10(1.0 + hz / 700.0)


def mel_inverse(m):
    return 700.0 * (10.0 ** (m / 2595.0) - 1.0)


def triangles(edges):
    hz = np.arange(FFT // 2 + 1) * RATE / FFT
    bank = []
    for left, centre, right in zip(edges, edges[1:], edges[2:]):
        bank.append(np.maximum(0.0, np.minimum((hz - left) / (centre - left), (right - hz) / (right - centre))))
    return np.array(bank)


def dct_matrix(count, filters):
    k, i = np.meshgrid(np.arange(count), np.arange(filters), indexing="ij")
    matrix = np.sqrt(2.0 / filters) * np.cos(np.pi * k * (2 * i + 1) / (2 * filters))
    matrix[0] /= np.sqrt(2.0)
    return matrix


def cepstra(frames, bank, count, lifter):
    logs = np.array([np.log(np.maximum(bank @ power_of(f, 0.97), 1e-10)) for f in frames])
    c = logs @ dct_matrix(count, len(bank)).T
    if lifter:
        c = c * (1 + lifter / 2 * np.sin(np.pi * np.arange(count) / lifter))
    return logs, c


def regression(c, reach):
    last = len(c) - 1
    out = np.zeros_like(c)
    for t in range(len(c)):
        for k in range(1, reach + 1):
            out[t] += k * (c[min(t + k, last)] - c[max(t - k, 0)])
    return out / (2 * sum(k * k for k in range(1, reach + 1)))


def spectral(power, previous):
    p = power[1:]
    k = np.arange(1, len(power)) * RATE / FFT
    share = p / p.sum()
    centroid = (share * k).sum()
    spread = np.sqrt((share * (k - centroid) ** 2).sum())
    flatness = np.exp(np.log(p).mean()) / p.mean()
    rolloff = k[np.searchsorted(np.cumsum(share), 0.85)]
    flux = ((share - previous[1:] / previous[1:].sum()) ** 2).sum()
    bands = [share[b * 32:(b + 1) * 32].sum() for b in range(8)]
    return [centroid, spread, flatness, rolloff, flux] + bands


def write(out, name, values, per_line=8):
    values = np.asarray(values)
    kind = "int16_t" if values.dtype.kind == "i" else "float"
    flat = values.ravel()
    text = ["%d" % v if kind == "int16_t" else "%.8ef" % v for v in flat]
    out.write("/* %s */\n" % " x ".join(str(n) for n in values.shape))
    out.write("static const %s golden_%s[%d] = {\n" % (kind, name, len(flat)))
    for i in range(0, len(text), per_line):
        out.write("    " + ", ".join(text[i:i + per_line]) + ",\n")
    out.write("};\n\n")


def main():
    signal = make_signal()
    x = signal / 32768.0
    frames = frames_of(x, FRAME)
    mel_bank = triangles(mel_inverse(np.linspace(mel(20.0), mel(7600.0), 42)))
    linear_bank = triangles(np.linspace(0.0, 8000.0, 22))
    logs, mfcc = cepstra(frames, mel_bank, 20, 22.0)
    _, lfcc = cepstra(frames_of(x, LFCC_FRAME), linear_bank, 20, 0.0)
    delta = regression(mfcc, 2)
    normalized = (mfcc - mfcc.mean(axis=0)) / mfcc.std(axis=0)
    powers = [power_of(f, 0.97) for f in frames]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dsp_golden.h")
    with open(path, "w") as out:
        out.write("/* Written by generate.py; do not edit. */\n/* clang-format off */\n#ifndef VU_DSP_GOLDEN_H\n#define VU_DSP_GOLDEN_H\n\n")
        out.write("#include <stdint.h>\n\n")
        out.write("#define GOLDEN_FRAMES %d\n#define GOLDEN_LFCC_FRAMES %d\n\n" % (len(mfcc), len(lfcc)))
        write(out, "signal", signal, 16)
        write(out, "hamming", hamming(FRAME)[::25])
        write(out, "hann", hann(FRAME)[::25])
        write(out, "spectrum_re", np.fft.rfft(frames[3], FFT).real)
        write(out, "spectrum_im", np.fft.rfft(frames[3], FFT).imag)
        write(out, "power", powers[3])
        write(out, "mel_sums", mel_bank @ powers[3])
        write(out, "mel_logs", logs)
        write(out, "mfcc", mfcc)
        write(out, "delta", delta)
        write(out, "delta_delta", regression(delta, 2))
        write(out, "cmvn", normalized)
        write(out, "lfcc", lfcc)
        write(out, "spectral", [spectral(powers[t], powers[t - 1]) for t in (1, 4, 7)])
        out.write("#endif\n")


if __name__ == "__main__":
    main()
