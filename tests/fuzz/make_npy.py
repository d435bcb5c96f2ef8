"""Writes tests/fuzz/npy: small .npy files of every kind, by numpy, and damaged ones."""

import io
import pathlib
import struct

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent / "npy"


def saved(array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), version=version)
    return file.getvalue()


def made(header, data=b"", version=(1, 0), length=None):
    """A file with any header."""
    size = len(header) if length is None else length
    return (b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version[0] == 1 else "<I", size)
            + header + data)


def good_files():
    rows = np.arange(15, dtype="f4").reshape(3, 5)
    for kind in ["<f4", ">f4", "<f2", ">f2", "<u2", ">u2", "<i2", "<f8", ">f8", "<i4", "<u4",
                 "<i8", "|u1", "|i1", "<c8", "<f16", "|b1"]:
        yield f"type-{kind[1:]}{'-big' if kind[0] == '>' else ''}", saved(rows.astype(kind))
    yield "type-V2", saved(rows.astype("u2").view("V2"))
    yield "type-V3", saved(np.zeros(3, "V3"))
    yield "type-S", saved(np.array([b"abc"]))
    yield "type-U", saved(np.array(["abc"]))
    yield "type-M", saved(np.array(["2020-01-01"], "M8[ns]"))
    yield "type-m", saved(np.array([3], "m8[25s]"))
    yield "type-structured", saved(np.zeros(3, [("a", "f4"), ("b", "<u2", (2,))]))
    yield "type-structured-utf8", saved(np.zeros(3, [("\u00e9\u4e16", "f4")]), (3, 0))
    for version in [(1, 0), (2, 0), (3, 0)]:
        yield f"version-{version[0]}", saved(rows, version)
    yield "shape-scalar", saved(np.float32(3))
    yield "shape-vector", saved(rows[0])
    yield "shape-one", saved(rows[:1, :1])
    yield "shape-row", saved(rows[:1])
    yield "shape-column", saved(rows[:, :1])
    yield "shape-three", saved(rows.reshape(3, 5, 1))
    yield "shape-no-rows", saved(rows[:0])
    yield "shape-no-columns", saved(rows[:, :0])
    yield "shape-many", saved(np.zeros((1,) * 32, "f2"))
    yield "order-fortran", saved(np.asfortranarray(rows))
    yield "order-fortran-vector", made(b"{'descr': '<f4', 'fortran_order': True, "
                                       b"'shape': (2,), }\n", bytes(8))


def odd_headers():
    """Good and bad ones, none of which numpy writes."""
    plain = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }"
    yield "odd-order-of-keys", b"{'shape': (1, 2), 'fortran_order': False, 'descr': '<f4'}"
    yield "odd-double-quotes", plain.replace(b"'", b'"')
    yield "odd-no-blanks", plain.replace(b" ", b"")
    yield "odd-blanks", plain.replace(b" ", b" \t\r\n\f\v") + b" " * 20
    yield "odd-long-integers", plain.replace(b"1, 2", b"1L, 2L")
    yield "odd-native", plain.replace(b"<", b"=")
    yield "odd-no-order", plain.replace(b"<", b"")
    yield "bad-empty", b" " * 16
    yield "bad-no-dictionary", b"('descr', '<f4')"
    yield "bad-key-twice", plain.replace(b"'shape'", b"'descr': '<f4', 'shape'")
    yield "bad-no-shape", b"{'descr': '<f4', 'fortran_order': False, }"
    yield "bad-other-key", plain.replace(b"'shape'", b"'other'")
    yield "bad-junk", plain + b" junk"
    yield "bad-zeros-behind", plain + bytes(8)
    yield "bad-negative", plain.replace(b"(1, 2)", b"(-1, 2)")
    yield "bad-plus", plain.replace(b"(1, 2)", b"(+1, 2)")
    yield "bad-overflow", plain.replace(b"(1, 2)", b"(18446744073709551617, 2)")
    yield "bad-overflow-signed", plain.replace(b"(1, 2)", b"(9223372036854775808, 2)")
    yield "bad-overflow-bytes", plain.replace(b"(1, 2)", b"(9223372036854775807, 2)")
    yield "bad-overflow-product", plain.replace(b"(1, 2)", b"(4611686018427387904, 4)")
    yield "bad-large-vocabulary", plain.replace(b"(1, 2)", b"(1, 1048577)")
    yield "bad-no-tuple", plain.replace(b"(1, 2)", b"(2)")
    yield "bad-list", plain.replace(b"(1, 2)", b"[1, 2]")
    yield "bad-nested", plain.replace(b"(1, 2)", b"((1, 2), 3)")
    yield "bad-deep", b"{" * 100
    yield "bad-dimensions", plain.replace(b"(1, 2)", b"(" + b"1, " * 33 + b")")
    yield "bad-flag", plain.replace(b"False", b"0")
    yield "bad-word", plain.replace(b"False", b"Falsely")
    yield "bad-escape", plain.replace(b"descr", b"d\\x65scr")
    yield "bad-quote", plain.replace(b"'descr'", b"'descr\"")
    yield "bad-open", plain[:-1]
    yield "bad-not-ascii", plain.replace(b"<f4", b"<\xc3\xa94")
    yield "bad-type", plain.replace(b"<f4", b"<<f4")
    yield "bad-type-empty", plain.replace(b"<f4", b"")
    yield "bad-type-large", plain.replace(b"<f4", b"<f99999999999999999999")
    yield "bad-type-long", plain.replace(b"<f4", b"<f4" + b"4" * 200)
    yield "bad-tuple-type", plain.replace(b"'<f4'", b"('<f4', (2,))")


def damaged_files():
    whole = saved(np.arange(15, dtype="f4").reshape(3, 5))
    for size in [0, 1, 5, 6, 8, 10, 11, 12, 60, 127, 128, 129, 150, 187]:
        yield f"cut-{size}", whole[:size]
    yield "cut-version-2", saved(np.float32([1]), (2, 0))[:11]
    yield "long-1", whole + b"x"
    yield "long-row", whole + bytes(20)
    yield "magic", b"\x94" + whole[1:]
    yield "magic-zip", b"PK\x03\x04" + whole
    yield "magic-text", b"0.5,0.25\n"
    for major, minor in [(0, 0), (1, 1), (4, 0), (255, 255)]:
        yield f"version-{major}-{minor}", whole[:6] + bytes([major, minor]) + whole[8:]
    yield "length-0", made(b"", length=0)
    yield "length-most-1", made(b"{", length=65535)
    yield "length-most-2", made(b"{", version=(2, 0), length=0xffffffff)
    yield "length-long", made(b"{'descr'", length=60)
    yield "length-short", made(whole[10:], length=30)


def main():
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    files = [*good_files(), *damaged_files()]
    files += [(name, made(header, bytes(8))) for name, header in odd_headers()]
    assert len(dict(files)) == len(files)
    for name, data in files:
        (FOLDER / name).write_bytes(data)


if __name__ == "__main__":
    main()
