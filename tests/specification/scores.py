"""The numbers of beam search: sections 12, 15 and 16 of docs/reference/specification.md."""
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

import numpy as np

from arithmetic import LN2, LOG2E, lg, power, split, to_float, trunc_div

FLOOR = -(2**62)
NO_SCORE = -(2**63)
LEAST_NORMAL = power(1, -126)
LARGEST = Fraction(float(np.finfo(np.float32).max))


def shifted(i, by):
    """floor(i * 2^by)."""
    return i << by if by >= 0 else i >> -by


def as_float(score):
    """Section 17."""
    return np.float32(-np.inf) if score == NO_SCORE else to_float(score) * power(1, -32)


# Section 12.
def gap(row, token, temperature):
    if row.keys[token] == row.key_m:
        return 0
    depth = row.m - row.x[token]
    if depth < LEAST_NORMAL:
        return 0
    if np.isinf(depth):
        return 2**61
    a, b = split(temperature)
    e, f = split(depth)
    return min(shifted(e * (2**63 // a), f - b - 31), 2**61)


def norm(masses, mass):
    return masses.logmass(mass) * LN2 >> 64


# Section 15.
def exponential(y):
    return max((2**38 - lg(max(y, 1))) * LN2 >> 64, 1)


def log_of(time):
    a, b = split(time)
    return trunc_div((lg(a) + b * 2**32) * LN2, 2**64)


def exp_of(apart):
    Y = trunc_div(min(max(apart, -(2**37)), 2**37) * LOG2E, 2**63)
    return power(root(Y % 2**32) >> 40, (Y >> 32) - 23)


# Section 16.
def roots():
    """floor(2^(2^-i) * 2^63) for i = 1 .. 32."""
    exact, found = 2 << 256, []
    for _ in range(32):
        exact = isqrt(exact << 256)
        found.append(exact >> 193)
    return found


ROOTS = roots()


def root(f):
    y = 2**63
    for i in range(1, 33):
        if f >> (32 - i) & 1:
            y = y * ROOTS[i - 1] >> 63
    return y


def cut(a, b):
    """a * 2^b with 64 significant bits, in the same form; 0 has a = 0."""
    if a == 0:
        return 0, 0
    shift = a.bit_length() - 64
    return shifted(a, -shift), b + shift


def length_power(length, length_penalty):
    exponent = np.abs(length_penalty)
    exponent = np.float32(0) if exponent < LEAST_NORMAL else min(exponent, np.float32(2**24))
    whole = int(np.floor(exponent))
    raised = cut(1, 0)
    for digit in f"{whole:b}":
        raised = cut(raised[0] * raised[0], 2 * raised[1])
        if digit == "1":
            raised = cut(raised[0] * length, raised[1])
    if exponent > whole:
        a, b = split(exponent - np.float32(whole))
        Y = shifted(a * lg(length), b)
        raised = cut(raised[0] * root(Y % 2**32), raised[1] + (Y >> 32) - 63)
    return raised


@dataclass(frozen=True)
class Rate:
    """-a * 2^b, with a as cut() leaves it."""

    a: int
    b: int

    def __lt__(self, other):
        return self.order() < other.order()

    def order(self):
        return (1, 0, 0) if self.a == 0 else (0, -self.b, -self.a)


def rate(score, length, length_penalty):
    a, b = length_power(length, length_penalty)
    if length_penalty > 0:
        return Rate(*cut((-score << 192) // a, -b - 192))
    return Rate(*cut(-score * a, b))


def rating_as_float(rating):
    """Section 17."""
    if not isinstance(rating, Rate):
        return as_float(rating)
    if rating.a == 0:
        return np.float32(0)
    b = min(max(rating.b - 32, -400), 400)
    nearest = Fraction(int(to_float(rating.a))) * Fraction(2) ** b
    return np.float32(0) if nearest < Fraction(2) ** -126 else -np.float32(float(min(nearest, LARGEST)))
