"""Files that lmsample writes, as numpy reads them; and numpy's, as lmsample reads them."""

import io
import os
import subprocess

import numpy as np
import pytest

from conftest import open_terminal

PROGRAM = os.environ["LMSAMPLE"]


def saved(array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), version=version)
    return file.getvalue()


def rows_of(count, vocab, seed=1):
    """Logits that float16 and bfloat16 hold exactly, each row with one largest."""
    random = np.random.default_rng(seed)
    rows = random.integers(-100, 100, (count, vocab)).astype("f4") / 8
    rows[np.arange(count), random.integers(0, vocab, count)] = 16
    return rows


def greedy(lmsample, data, *more, **keywords):
    """The tokens of greedy sampling, which are each row's first largest."""
    out = lmsample("sample", "--logits", "-", "-t", 0, *more, input=data, **keywords).out
    return [int(word) for word in out.split()]


def bfloat16(rows):
    return (rows.astype("<f4").view("<u4") >> 16).astype("<u2")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions(lmsample, version):
    rows = rows_of(4, 300)
    assert greedy(lmsample, saved(rows, version)) == rows.argmax(1).tolist()


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f2", ">f2"])
def test_types(lmsample, kind):
    rows = rows_of(5, 300)
    assert (rows.astype(kind) == rows).all()
    assert greedy(lmsample, saved(rows.astype(kind))) == rows.argmax(1).tolist()


@pytest.mark.parametrize("kind", ["<u2", ">u2", "<i2", "V2"])
def test_bfloat16(lmsample, kind):
    rows = rows_of(5, 300)
    bits = bfloat16(rows)
    bits = bits.view(kind) if kind in ("V2", "<i2") else bits.astype(kind)
    assert greedy(lmsample, saved(bits), "--bfloat16") == rows.argmax(1).tolist()


def test_shapes(lmsample):
    rows = rows_of(6, 40)
    assert greedy(lmsample, saved(rows[0])) == [rows[0].argmax()]
    assert greedy(lmsample, saved(rows[:1])) == [rows[0].argmax()]
    assert greedy(lmsample, saved(rows[:, :1])) == [0] * 6
    assert greedy(lmsample, saved(rows[:0])) == []
    # With one row or column both orders are one.
    for part in (rows[:1], rows[:, :1]):
        header = saved(part).replace(b"'fortran_order': False", b"'fortran_order': True ")
        assert b"True" in header[:128]
        assert greedy(lmsample, header) == part.argmax(1).tolist()


def test_file_like_stream(lmsample, tmp_path):
    rows = rows_of(50, 1000)
    np.save(tmp_path / "a.npy", rows)
    from_file = lmsample("sample", "--logits", "a.npy", "-s", 7).out
    assert from_file == lmsample("sample", "--logits", "-", "-s", 7, input=saved(rows)).out
    with open(tmp_path / "a.npy", "rb") as file:
        redirected = subprocess.run([PROGRAM, "sample", "--logits", "-", "-s", "7"], stdin=file,
                                    capture_output=True, text=True, check=True, timeout=60)
    assert redirected.stdout == from_file


def test_named_pipe(tmp_path):
    rows = rows_of(50, 1000)
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen([PROGRAM, "sample", "--logits", "pipe", "-t", "0"], cwd=tmp_path,
                          stdout=subprocess.PIPE, text=True) as process:
        (tmp_path / "pipe").write_bytes(saved(rows))
        out = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert [int(word) for word in out.split()] == rows.argmax(1).tolist()


REFUSED = [
    (lambda x: saved(x.astype("f8")), ["float64", "x.astype(np.float32)"]),
    (lambda x: saved(x.astype("i4")), ["int32", "x.astype(np.float32)"]),
    (lambda x: saved(x > 0), ["bool", "x.astype(np.float32)"]),
    (lambda x: saved(x.astype("c8")), ["complex64", "float32"]),
    (lambda x: saved(bfloat16(x)), ["uint16", "--bfloat16"]),
    (lambda x: saved(bfloat16(x).view("V2")), ["'V2'", "--bfloat16"]),
    (lambda x: saved(np.zeros(3, [("a", "f4")])), ["structured", "'<f4'"]),
    (lambda x: saved(np.asfortranarray(x)), ["fortran_order", "np.ascontiguousarray"]),
    (lambda x: saved(x.reshape(2, 2, 5)), ["3 dimensions", "x.reshape(-1, x.shape[-1])"]),
    (lambda x: saved(np.float32(3)), ["0 dimensions", "1 (a row)"]),
    (lambda x: saved(x[:, :0]), ["0 logits a row", "1 to 1048576"]),
    (lambda x: saved(np.zeros((1, 1048577), "f2")), ["1048577 logits a row", "1 to 1048576"]),
    (lambda x: b"", ["is empty"]),
    (lambda x: b"0.5,0.5\n", ["30 2e 35 2c", "93 4e 55 4d 50 59"]),
    (lambda x: saved(x)[:100], ["100 bytes", "header of 128"]),
    (lambda x: saved(x)[:7] + b"\1" + saved(x)[8:], ["version 1.1"]),
    (lambda x: saved(x).replace(b"(4, 5)", b"(4;5) "), ["`;5)", "comma"]),
    (lambda x: saved(x).replace(b"(4, 5), }", b"(-4, 5),}"), ["`-4, 5)", "whole number"]),
    (lambda x: saved(x).replace(b"(4, 5), }" + b" " * 20,
                                b"(9223372036854775807, 5), }  "), ["2^63"]),
]


@pytest.mark.parametrize("make, parts", REFUSED)
def test_refused(fails, tmp_path, make, parts):
    data = make(rows_of(4, 5))
    fails(3, ["standard input", *parts], "sample", "--logits", "-", input=data)
    (tmp_path / "x.npy").write_bytes(data)
    fails(3, ["x.npy", *parts], "sample", "--logits", "x.npy", "-o", "tokens")


def test_bfloat16_of_other_types(fails):
    for kind in ("f4", "f2"):
        data = saved(rows_of(2, 5).astype(kind))
        fails(3, ["--bfloat16", f"float{8 * int(kind[1])}"], "sample", "--logits", "-",
              "--bfloat16", input=data)


def test_zip(fails, tmp_path):
    np.savez(tmp_path / "x.npz", x=rows_of(2, 5))
    fails(3, ["x.npz", "zip archive", "one array"], "sample", "--logits", "x.npz")


def test_lengths(fails, tmp_path):
    """A file says at once that it is cut; a stream can only say in which row."""
    data = saved(rows_of(4, 5))
    (tmp_path / "x.npy").write_bytes(data[:-7])
    fails(3, ["x.npy", "has 73 bytes", "must have 80", "4 rows of 5"], "sample", "--logits",
          "x.npy")
    fails(3, ["standard input", "ends in row 3", "after 13 of its 20 bytes"], "sample",
          "--logits", "-", input=data[:-7])
    fails(3, ["ends in row 2", "after 0 of its 20 bytes"], "sample", "--logits", "-",
          input=data[:-40])
    (tmp_path / "x.npy").write_bytes(data + b"\0")
    fails(3, ["x.npy", "has 81 bytes", "must have 80"], "sample", "--logits", "x.npy")
    fails(3, ["standard input", "more bytes than its 4 rows of 5"], "sample", "--logits", "-",
          input=data + b"\0")


def test_files_that_cannot_be_read(fails, tmp_path):
    fails(3, ["nothing.npy", "No such file"], "sample", "--logits", "nothing.npy")
    (tmp_path / "folder").mkdir()
    fails(3, ["folder", "is a folder"], "sample", "--logits", "folder")
    if os.geteuid() != 0:
        (tmp_path / "secret.npy").touch(0)
        fails(3, ["secret.npy", "Permission denied"], "sample", "--logits", "secret.npy")


def test_standard_input_that_is_none():
    """A terminal would be waited for."""
    terminal, end = open_terminal()
    done = subprocess.run([PROGRAM, "sample", "--logits", "-"], stdin=end, capture_output=True,
                          text=True, timeout=60, check=False)
    os.close(terminal)
    os.close(end)
    assert done.returncode == 3 and done.stdout == ""
    assert done.stderr == ("lmsample sample: standard input: is a terminal, must be a .npy "
                           "file\n")
    done = subprocess.run(["sh", "-c", '"$0" sample --logits - <&-', PROGRAM], text=True,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 3 and done.stdout == ""
    assert done.stderr == ("lmsample sample: standard input: cannot read: Bad file "
                           "descriptor\n")


@pytest.mark.parametrize("arguments, kind, shape", [
    ([], "<i4", (7,)), (["--draws", "3"], "<i4", (7, 3))])
def test_written_tokens(lmsample, tmp_path, arguments, kind, shape):
    """As numpy.save writes them, byte for byte."""
    rows = rows_of(7, 300)
    lmsample("sample", "--logits", "-", "-t", 0, "-f", "npy", "-o", "t.npy", *arguments,
             input=saved(rows))
    tokens = np.load(tmp_path / "t.npy", allow_pickle=False)
    assert tokens.dtype.str == kind and tokens.shape == shape
    assert (tokens.reshape(7, -1) == rows.argmax(1)[:, None]).all()
    assert (tmp_path / "t.npy").read_bytes() == saved(tokens)


def test_written_probabilities(lmsample, tmp_path):
    rows = rows_of(7, 300)
    lmsample("sample", "--logits", "-", "--probs", "p.npy", "--kept", "k.npy", "-o", "/dev/null",
             input=saved(rows))
    probs = np.load(tmp_path / "p.npy", allow_pickle=False)
    weights = np.exp(rows.astype("f8") - rows.max(1, keepdims=True))
    expected = weights / weights.sum(1, keepdims=True)
    assert probs.dtype == np.dtype("<f4") and probs.shape == rows.shape
    np.testing.assert_allclose(probs, expected, rtol=2e-5, atol=1e-9)
    kept = np.load(tmp_path / "k.npy", allow_pickle=False)
    assert kept.dtype == np.dtype("<i4") and (kept == 300).all()
    for name, array in (("p.npy", probs), ("k.npy", kept)):
        assert (tmp_path / name).read_bytes() == saved(array)
