"""`lmsample sample`: every way it can fail ends in one line, its exit status and no file."""

import os
import signal
import subprocess
import time

import numpy as np
import pytest

from conftest import PROGRAM, open_terminal, unsanitized

USAGE, INPUT, DEVICE, OUTPUT = 2, 3, 4, 5


@pytest.fixture
def x(tmp_path):
    logits = np.random.default_rng(4).standard_normal((6, 100)).astype(np.float32)
    np.save(tmp_path / "x.npy", logits)
    return logits


def header(shape, descr="<f4", order="False"):
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    text += b" " * (117 - len(text)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


# --- Options --------------------------------------------------------------------------------

OPTIONS = [
    (["-t", "-1"], ["--temperature", '"-1"', "2^-64"]),
    (["-t", "1e-400"], ["--temperature", '"1e-400"']),
    (["-t", "nan"], ["--temperature", '"nan"']),
    (["-t", ""], ["--temperature", '""']),
    (["-k", "-2"], ["--top-k", '"-2"']),
    (["-k", "18446744073709551616"], ["--top-k", '"18446744073709551616"', "2^64 - 1"]),
    (["-p", "1.5"], ["--top-p", '"1.5"', "0 to 1"]),
    (["--min-p", "-0.1"], ["--min-p", '"-0.1"', "0 to 1"]),
    (["--min-p", "0.1x"], ["--min-p", '"0.1x"']),
    (["--preset", "best"], ["--preset", '"best"', "vllm", "joint"]),
    (["-s", str(2 ** 64)], ["--seed", "18446744073709551616", "2^64 - 1"]),
    (["--step", "-1"], ["--step", '"-1"']),
    (["--draws", "0"], ["--draws", '"0"', "1 to 2147483647"]),
    (["--draws", "2147483648"], ["--draws", "1 to 2147483647"]),
    (["--draws", "2.0"], ["--draws", '"2.0"']),
    (["--batch", "0"], ["--batch", '"0"', "1 to 2147483647"]),
    (["--batch", "-5"], ["--batch", '"-5"']),
    (["-f", "yaml"], ["--format", '"yaml"', "text, json or npy"]),
    (["--details"], ["--details", "--format json"]),
    (["--details", "-f", "npy"], ["--details", "--format json"]),
    (["--details", "-f", "json", "--draws", "100000000"], ["--draws", "16777216"]),
    (["--probs", "-"], ["--probs", '"-"', "--output"]),
    (["--probs", "a", "-o", "a"], ["--probs", '"a"', "--output"]),
    (["--probs", "a", "--kept", "a"], ["--probs", '"a"', "--kept"]),
    (["--logprobs", "b", "--raw-logprobs", "b"], ["--raw-logprobs", '"b"', "--logprobs"]),
    (["--temperture", "1"], ["temperture"]),
    (["-Z"], ["Z"]),
    (["--top"], ["--top"]),
    (["--seed"], ["seed"]),
    (["extra"], ['"extra"']),
]


@pytest.mark.parametrize("options,parts", OPTIONS, ids=[" ".join(one[0]) for one in OPTIONS])
def test_options(fails, x, options, parts):
    fails(USAGE, parts, "sample", "-l", "x.npy", *options)


def test_logits_are_required(fails, x):
    fails(USAGE, ["--logits", "missing"], "sample", "-t", 1)


def test_options_come_before_files(fails):
    fails(USAGE, "--temperature", "sample", "-l", "none.npy", "-t", -1)


def test_unknown_device(fails, x):
    fails(DEVICE, ["device", "no such thing"], "sample", "-l", "x.npy", "-d", "no such thing",
          "-o", "t.txt", "--probs", "p.npy")


def test_npy_to_a_terminal(x, tmp_path):
    for options in (["-f", "npy"], ["-o", "t.txt", "--kept", "-"]):
        ours, theirs = open_terminal()
        done = subprocess.run([PROGRAM, "sample", "-l", "x.npy", *options], stdout=theirs,
                              stderr=subprocess.PIPE, cwd=tmp_path, timeout=60)
        os.close(theirs)
        os.set_blocking(ours, False)
        with pytest.raises(OSError):
            os.read(ours, 1)
        os.close(ours)
        assert done.returncode == USAGE
        assert done.stderr.count(b"\n") == 1 and b"terminal" in done.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


# --- Logits ---------------------------------------------------------------------------------

ROW = bytes(40)
FILES = {
    "empty": (b"", []),
    "bad magic": (b"PK\x03\x04" + bytes(200), []),
    "short header": (header((2, 10))[:50], []),
    "truncated": (header((2, 10)) + ROW + ROW[:-1], ["79", "80"]),
    "no data": (header((2, 10)), ["0", "80"]),
    "extra bytes": (header((2, 10)) + ROW * 2 + b"\0", ["81", "80"]),
    "float64": (header((2, 10), "<f8") + ROW * 4, ["float64"]),
    "int32": (header((2, 10), "<i4") + ROW * 2, ["int32"]),
    "uint16": (header((2, 20), "<u2") + ROW * 2, ["uint16", "--bfloat16"]),
    "3-D": (header((1, 2, 10)) + ROW * 2, ["3"]),
    "0-D": (header(()) + ROW[:4], ["0"]),
    "fortran order": (header((2, 10), order="True") + ROW * 2, ["fortran"]),
    "no vocabulary": (header((2, 0)), ["0"]),
    "vocabulary too large": (header((1, 1048577)), ["1048577", "1048576"]),
    "shape overflow": (header((2 ** 62, 1024)), [str(2 ** 62)]),
    "shape beyond 64 bits": (header((2 ** 70, 4)), []),
    "negative shape": (header((-2, 10)) + ROW * 2, []),
    "object": (header((2, 10), "|O") + ROW * 2, []),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("way", ["file", "standard input"])
def test_wrong_logits(fails, tmp_path, name, way):
    data, parts = FILES[name]
    if way == "file":
        (tmp_path / "bad.npy").write_bytes(data)
        fails(INPUT, ["bad.npy", *parts], "sample", "-l", "bad.npy", "-o", "t.txt", "--kept",
              "k.npy")
    else:
        # a stream's length is known at its end, and is then told otherwise
        fails(INPUT, "standard input", "sample", "-l", "-", "-o", "t.txt", "--kept", "k.npy",
              input=data)


def test_wrong_type_for_bfloat16(fails, x):
    fails(INPUT, ["x.npy", "float32", "--bfloat16"], "sample", "-l", "x.npy", "--bfloat16")


def test_logits_that_cannot_be_read(fails, tmp_path):
    fails(INPUT, ["none.npy", "No such file"], "sample", "-l", "none.npy")
    fails(INPUT, ["folder"], "sample", "-l", tmp_path)
    fails(INPUT, ["x/y.npy"], "sample", "-l", "x/y.npy")


def test_length_of_a_file_beyond_32_bits_is_exact(fails, tmp_path):
    """Found at once: nothing of the (sparse) 16 GiB is read."""
    size = 32768 * 131072 * 4
    with open(tmp_path / "x.npy", "wb") as file:
        file.write(header((32768, 131072)))
        file.truncate(128 + size + 1)
    fails(INPUT, ["x.npy", str(size + 1), str(size)], "sample", "-l", "x.npy", "-o", "t.txt")


def test_truncated_stream_after_many_rows(fails, tmp_path):
    fails(INPUT, "standard input", "sample", "-l", "-", "--batch", 3, "-o", "t.txt", "--probs",
          "p.npy", input=header((100, 50)) + bytes(200 * 99 + 199))


def test_closed_standard_input(x, tmp_path):
    done = subprocess.run(f"'{PROGRAM}' sample -l - -o t.txt <&-", shell=True, cwd=tmp_path,
                          capture_output=True, timeout=60)
    assert done.returncode == INPUT
    assert done.stderr.count(b"\n") == 1 and b"standard input" in done.stderr


# --- Results --------------------------------------------------------------------------------

TARGETS = ["--output", "--logprobs", "--raw-logprobs", "--kept", "--probs"]


@pytest.mark.parametrize("option", TARGETS)
def test_full_disk(fails, x, option):
    others = [word for name in TARGETS if name != option
              for word in (name, f"{name[2:]}.out")]
    for form in ("text", "json", "npy"):
        fails(OUTPUT, ["/dev/full", "No space left"], "sample", "-l", "x.npy", "-f", form,
              option, "/dev/full", *others)
        fails(OUTPUT, ["/dev/full", "No space left"], "sample", "-l", "x.npy", "-f", form,
              "--draws", 50000, option, "/dev/full", *others)


def test_full_standard_output(x, tmp_path):
    for draws in ("1", "100000"):
        for form in ("text", "json", "npy"):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([PROGRAM, "sample", "-l", "x.npy", "-f", form, "--draws",
                                       draws, "--kept", "k.npy"],
                                      stdout=full, stderr=subprocess.PIPE, cwd=tmp_path,
                                      timeout=60)
            assert done.returncode == OUTPUT
            assert done.stderr.count(b"\n") == 1
            assert b"standard output" in done.stderr and b"No space left" in done.stderr
            assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("option", TARGETS)
def test_targets_that_cannot_be(fails, x, tmp_path, option):
    fails(OUTPUT, ["no/such/folder"], "sample", "-l", "x.npy", option, "no/such/folder")
    fails(OUTPUT, ["x.npy/t"], "sample", "-l", "x.npy", option, "x.npy/t")
    fails(OUTPUT, ["/proc/t"], "sample", "-l", "x.npy", option, "/proc/t")
    (tmp_path / "folder").mkdir()
    fails(OUTPUT, ["folder"], "sample", "-l", "x.npy", option, "folder")


def test_closed_standard_output(x, tmp_path):
    done = subprocess.run(f"'{PROGRAM}' sample -l x.npy --kept k.npy >&-", shell=True,
                          cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == OUTPUT
    assert done.stderr.count(b"\n") == 1 and b"standard output" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]
    # nothing goes there: no harm
    done = subprocess.run(f"'{PROGRAM}' sample -l x.npy -o t.txt >&- <&-", shell=True,
                          cwd=tmp_path, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len((tmp_path / "t.txt").read_text().split()) == 6


@pytest.mark.parametrize("draws", [1, 1000000])
def test_reader_that_goes_away(x, tmp_path, draws):
    process = subprocess.Popen([PROGRAM, "sample", "-l", "x.npy", "--draws", str(draws),
                                "--kept", "k.npy"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    process.stdout.close()
    message = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == OUTPUT
    assert message.count(b"\n") == 1
    assert b"standard output" in message and b"Broken pipe" in message
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_leaves_no_file(tmp_path, number):
    (tmp_path / "t.txt").write_text("old")
    process = subprocess.Popen([PROGRAM, "sample", "-l", "-", "--batch", "1", "-o", "t.txt",
                                "--probs", "p.npy", "--kept", "k.npy"],
                               stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    process.stdin.write(header((1000, 1000)) + bytes(4000 * 50))
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(list(tmp_path.iterdir())) == 4  # it is at work
    process.send_signal(number)
    assert process.wait(60) == -number
    process.stdin.close()
    process.stderr.close()
    assert [path.name for path in tmp_path.iterdir()] == ["t.txt"]
    assert (tmp_path / "t.txt").read_text() == "old"


@unsanitized
def test_no_memory(tmp_path):
    """400 GB at once, by a header that is only just allowed."""
    done = subprocess.run(f"ulimit -v 16000000; exec '{PROGRAM}' sample -l - --batch 100000 "
                          "-o t.txt --probs p.npy", shell=True, cwd=tmp_path,
                          input=header((100000, 1 << 20)), capture_output=True, timeout=60)
    assert done.returncode == 6
    assert done.stderr == b"lmsample sample: a batch of rows: out of memory\n"
    assert list(tmp_path.iterdir()) == []
