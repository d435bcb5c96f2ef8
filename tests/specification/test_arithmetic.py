"""The page's constants are what it says they are, and arithmetic.py computes what it names."""
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest

import arithmetic
import generate
import scores

getcontext().prec = 120
LN2 = Decimal(2).ln()


def test_constants():
    assert arithmetic.LOG2E == round(2**63 / LN2)
    assert arithmetic.LN2 == int(LN2 * 2**64)
    assert scores.ROOTS == [int((LN2 / 2**j).exp() * 2**63) for j in range(1, 33)]


def nearest(exact):
    """The float nearest to a fraction, ties to even: by trying the neighbours."""
    guess = np.float32(float(exact))
    near = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    near = [x for x in near if np.isfinite(x)]
    return min(near, key=lambda x: (abs(Fraction(float(x)) - exact), int(arithmetic.bits(x)) % 2))


def test_fma_rounds_once():
    random = np.random.default_rng(0)
    for _ in range(3000):
        a, b = np.ldexp(random.normal(0, 1, 2), random.integers(-20, 20, 2)).astype(np.float32)
        c = np.float32(-float(a) * float(b) * random.choice([1, 0.5, 1e-3, 1 + 2.0**-20, 3e7, 1e-9]))
        exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
        assert arithmetic.fma(a, b, c) == nearest(exact), (a, b, c)


def test_integers_become_floats():
    for i in [0, 1, 2**24 - 1, 2**24 + 1, 2**24 + 3, 2**63, 2**63 - 1, 2**40 + 2**16, 2**40 + 3 * 2**16]:
        assert arithmetic.to_float(i) == nearest(Fraction(i))
        assert arithmetic.to_float(-i) == nearest(Fraction(-i))


def test_scales():
    """Within half a unit, and a little, of what they are."""
    random = np.random.default_rng(1)
    for T in [1, 0.7, 2.0**-64, 2.0**64] + [generate.temperature(random) or 1 for _ in range(200)]:
        T = np.float32(T)
        exact = 1 / LN2 / Decimal(float(T))
        assert abs(Decimal(float(arithmetic.scale(T))) / exact - 1) < Decimal(2.0**-23.99)
    for x in [1, 3, 2.0**63, 2.0**63 - 2.0**40]:
        x = np.float32(x)
        assert abs(Decimal(float(arithmetic.reciprocal(x))) * Decimal(float(x)) - 1) < Decimal(2.0**-23.99)


def test_logarithms():
    for i in [1, 2, 3, 10, 2**20 - 1, 2**42 + 12345, 2**63 - 1]:
        exact = Decimal(i).ln() / LN2 * 2**32
        assert -2 < arithmetic.lg(i) - exact <= 0


@pytest.mark.parametrize("counter, key, words", [
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
     (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
])  # fmt: skip
def test_philox(counter, key, words):
    """The known answers of Random123."""
    assert arithmetic.philox(key[0] | key[1] << 32, counter) == words
