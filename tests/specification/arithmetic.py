"""Conventions and sections 2 and 8 of docs/reference/specification.md: floats, integers, logarithms.

Floats are np.float32, alone or in arrays, so that + - * round once, as fl(...) says. Integers are
Python's, of any size, where // and >> and % are what the page defines. Names are the page's."""
import numpy as np

TILE, GROUP, W, GUARD, ROUND, ATTEMPTS = 256, 32, 29, 13, 32, 4096
LOG2E = 0xB8AA3B295C17F0BC
LN2 = 0xB17217F7D1CF79AB
MASK = 0xFFFFFFFF
np.seterr(all="ignore")  # infinities and NaN are meant


def fma(left, right, addend):
    """The product of two floats is exact in a double. The sum is rounded to odd there: a double
    has more than two bits to spare, so that rounding once more, to float, is rounding once."""
    left, right, addend = (np.asarray(v, np.float64) for v in (left, right, addend))
    product = left * right
    total = np.asarray(product + addend)
    part = total - product
    error = (product - (total - part)) + (addend - part)  # exactly what the sum lacks
    inexact = np.isfinite(total) & (error != 0) & (total.view(np.int64) % 2 == 0)
    odd = np.nextafter(total, np.where(error > 0, np.inf, -np.inf))
    return np.where(inexact, odd, total).astype(np.float32)[()]


def to_float(i):
    """float(i) of the page: the float nearest to an integer, ties to even."""
    sign, i = (-1, -i) if i < 0 else (1, i)
    cut = max(i.bit_length() - 24, 0)
    nearest, rest = i >> cut, i % (1 << cut)
    if 2 * rest > (1 << cut) or (2 * rest == (1 << cut) and cut and nearest % 2):
        nearest += 1
    return np.float32(sign) * power(nearest, cut)


def power(a, b):
    """a * 2^b as a float, where that is one."""
    return np.float32(np.ldexp(np.float64(a), b))


def bits(x):
    return np.asarray(x, np.float32).view(np.uint32).astype(np.int64)[()]


def from_bits(pattern):
    return np.asarray(pattern).astype(np.uint32).view(np.float32)[()]


def mag(x):
    return bits(x) & 0x7FFFFFFF


NAN = from_bits(0x7FFFFFFF)


def split(x):
    """x = a * 2^b, 2^23 <= a < 2^24."""
    fraction, exponent = np.frexp(np.float64(x))
    return int(fraction * 2**24), int(exponent) - 24


def trunc_div(i, j):
    return i // j if i >= 0 else -(-i // j)


# Section 2.
def inverse_of(constant, x):
    a, b = split(x)
    quotient = constant // a
    cut = quotient.bit_length() - 24
    nearest = (quotient + (1 << (cut - 1))) >> cut
    return power(nearest, cut - 63 - b)


def scale(temperature):
    return inverse_of(LOG2E, temperature)


def reciprocal(x):
    return inverse_of(2**63, x)


# Section 8.
def lg(i):
    whole = i.bit_length() - 1
    y = i << 63 >> whole
    fraction = 0
    for _ in range(32):
        y = y * y >> 64
        bit = y >= 2**63
        if not bit:
            y = 2 * y
        fraction = 2 * fraction + bit
    return (whole << 32) + fraction


# Section 7.
def philox(seed, counter):
    c0, c1, c2, c3 = counter
    k0, k1 = seed & MASK, seed >> 32
    for turn in range(10):
        if turn:
            k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
        left, right = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (right >> 32) ^ c1 ^ k0, right & MASK, (left >> 32) ^ c3 ^ k1, left & MASK
    return c0, c1, c2, c3


def row_seed(seed, row):
    def mix(z):
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    return mix((mix(seed) + row * 0x9E3779B97F4A7C15) % 2**64) if row else seed
