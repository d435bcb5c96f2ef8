"""`lmsample sample`: what it draws, and how it writes it."""

import io
import json
import os
import re
import subprocess
import threading

import numpy as np
import pytest

import sample_reference as reference
from conftest import PROGRAM, open_terminal, read_terminal, row_seed


def logits(rows, vocab, seed=1, spread=3.0):
    generator = np.random.default_rng(seed)
    return (generator.standard_normal((rows, vocab)) * spread).astype(np.float32)


def save(folder, name, array):
    np.save(folder / name, array)
    return name


def tokens_of(result):
    return [int(line) for line in result.out.split()]


def to_bfloat16(array):
    """The upper halves of float32s whose lower halves are zero."""
    bits = array.astype(np.float32).view(np.uint32)
    assert not np.any(bits & 0xFFFF)
    return (bits >> 16).astype(np.uint16)


# --- Tokens ---------------------------------------------------------------------------------


@pytest.mark.parametrize("vocab", [1, 2, 31, 32, 257, 1000, 32003])
@pytest.mark.parametrize("way", [("-t", 0), ("-k", 1), ("-p", 0)])
def test_greedy_is_argmax(lmsample, tmp_path, vocab, way):
    x = np.round(logits(9, vocab) * 2) / 2  # has ties
    x[1, : vocab // 2] = np.nan
    x[2, vocab // 2] = np.inf
    x[3, vocab - 1] = np.inf
    x[4, :] = 0.0
    x[5, :] = -0.0
    x[5, vocab // 3] = 0.0
    status = 1 if all(np.isnan(x[1])) else 0
    result = lmsample("sample", "-l", save(tmp_path, "x.npy", x), *way, status=status)
    assert tokens_of(result) == [reference.greedy(row) for row in x]


def test_rows_without_a_token(lmsample, tmp_path):
    x = logits(6, 40)
    x[2] = -np.inf
    x[4] = np.nan
    x[5, 1:] = np.nan
    save(tmp_path, "x.npy", x)
    result = lmsample("sample", "-l", "x.npy", "--draws", 2, status=1)
    tokens = tokens_of(result)
    assert tokens[4:6] == tokens[8:10] == [-1, -1]
    assert -1 not in tokens[:4] + tokens[6:8]
    assert tokens[10:] == [0, 0]
    assert result.err == ("lmsample sample: x.npy: 2 of 6 rows have no token, the first is row "
                          "2: every logit is NaN or -inf\n")
    result = lmsample("sample", "-l", "x.npy", "-f", "json", "--details", "-o", "x.json",
                      "--probs", "p.npy", "--kept", "k.npy", "--logprobs", "l.npy",
                      "--raw-logprobs", "r.npy", status=1)
    rows = json.loads((tmp_path / "x.json").read_text())
    assert [row["status"] for row in rows] == ["ok", "ok", "empty", "ok", "empty", "ok"]
    assert rows[2]["tokens"] == [-1] and rows[2]["logprobs"] == [None]
    assert rows[2]["raw_logprobs"] == [None] and rows[2]["kept"] == 0
    assert [row.get("nan_seen") for row in rows] == [None, None, None, None, True, True]
    assert not any("inf_seen" in row for row in rows)
    assert np.load(tmp_path / "k.npy").tolist() == [40, 40, 0, 40, 0, 1]
    assert np.all(np.load(tmp_path / "p.npy")[[2, 4]] == 0)
    for name in ("l.npy", "r.npy"):
        assert np.flatnonzero(np.isnan(np.load(tmp_path / name))).tolist() == [2, 4]


def test_infinities_are_drawn_alike(lmsample, tmp_path):
    x = logits(1, 64)
    x[0, [3, 9, 60]] = np.inf
    save(tmp_path, "x.npy", x)
    result = lmsample("sample", "-l", "x.npy", "--draws", 3000, "-f", "json")
    (row,) = json.loads(result.out)
    assert row["inf_seen"] is True and "nan_seen" not in row
    found, counts = np.unique(row["tokens"], return_counts=True)
    assert found.tolist() == [3, 9, 60]
    assert np.all(np.abs(counts - 1000) < 5 * np.sqrt(3000 * 2 / 9))


# --- Distributions --------------------------------------------------------------------------

FILTERS = [
    {},
    {"temperature": 0.5},
    {"temperature": 2.0},
    {"top_k": 1},
    {"top_k": 7},
    {"top_k": 5000},
    {"top_p": 0.1},
    {"top_p": 0.9},
    {"top_p": 0.0},
    {"top_p": 1.0},
    {"min_p": 0.05},
    {"min_p": 1.0},
    {"temperature": 0.7, "top_k": 40, "top_p": 0.8, "min_p": 0.1},
    {"temperature": 1.7, "top_k": 60, "top_p": 0.95, "min_p": 0.02},
    {"temperature": 1.3, "top_p": 0.7, "min_p": 0.2},
    {"temperature": 0.0, "top_k": 3},
]


@pytest.mark.parametrize("preset", sorted(reference.PRESETS) + ["min-p-last+top-k-ties"])
def test_probabilities_follow_the_filters(lmsample, tmp_path, preset):
    x = logits(len(FILTERS), 1500, seed=11, spread=2.0)
    x[:, ::3] = np.round(x[:, ::3])  # ties, for top-k
    x[4, 5] = np.nan
    x[5, 6] = -np.inf
    save(tmp_path, "x.npy", x)
    records = [dict(one, preset=preset) for one in FILTERS]
    (tmp_path / "p.json").write_text(json.dumps(records))
    lmsample("sample", "-l", "x.npy", "--params", "p.json", "-f", "npy", "-o", "t.npy",
             "--probs", "p.npy", "--kept", "k.npy", "--logprobs", "l.npy", "--raw-logprobs",
             "r.npy")
    tokens, probs = np.load(tmp_path / "t.npy"), np.load(tmp_path / "p.npy")
    kept, logprobs = np.load(tmp_path / "k.npy"), np.load(tmp_path / "l.npy")
    raw = np.load(tmp_path / "r.npy")
    assert probs.dtype == logprobs.dtype == raw.dtype == np.float32
    assert tokens.dtype == kept.dtype == np.int32
    assert probs.shape == x.shape and tokens.shape == kept.shape == (len(x),)
    for row, one in enumerate(FILTERS):
        expected, count = reference.probabilities(x[row], preset=preset, **one)
        assert reference.distance(probs[row], expected) < reference.TOLERANCE, one
        assert kept[row] == count, one
        token = tokens[row]
        assert expected[token] > 0
        assert abs(logprobs[row] - np.log(expected[token])) < 2e-5, one
        plain, _ = reference.probabilities(x[row])
        assert abs(raw[row] - np.log(plain[token])) < 2e-5, one


def test_options_are_the_parameters_of_all_rows(lmsample, tmp_path):
    x = logits(3, 700)
    save(tmp_path, "x.npy", x)
    lmsample("sample", "--logits", "x.npy", "--temperature", 0.8, "--top-k", 50, "--top-p", 0.9,
             "--min-p", 0.01, "--preset", "llama.cpp", "--probs", "p.npy")
    for row, probs in zip(x, np.load(tmp_path / "p.npy")):
        expected, _ = reference.probabilities(row, 0.8, 50, 0.9, 0.01, "llama.cpp")
        assert reference.distance(probs, expected) < reference.TOLERANCE


def test_draws_follow_the_probabilities(lmsample, tmp_path):
    x = logits(2, 300, spread=1.5)
    save(tmp_path, "x.npy", x)
    draws = 100000
    lmsample("sample", "-l", "x.npy", "-t", 0.9, "-p", 0.95, "--draws", draws, "-f", "npy", "-o",
             "t.npy", "--probs", "p.npy")
    tokens = np.load(tmp_path / "t.npy")
    for row in range(2):
        expected, kept = reference.probabilities(x[row], temperature=0.9, top_p=0.95)
        counts = np.bincount(tokens[row], minlength=300)
        assert np.all(counts[expected == 0] == 0)
        wanted = draws * expected
        common = wanted >= 5
        chi = ((counts - wanted)[common] ** 2 / wanted[common]).sum()
        freedom = np.count_nonzero(common) - 1
        assert freedom > 50
        assert abs(chi - freedom) < 5 * np.sqrt(2 * freedom)


def test_many_tokens_of_one_row_and_one_of_many_rows_agree(lmsample, tmp_path):
    """Rows that hold the same logits draw each with a seed of its own."""
    row = logits(1, 500)
    save(tmp_path, "many.npy", np.repeat(row, 200, axis=0))
    save(tmp_path, "row.npy", row)
    many = tokens_of(lmsample("sample", "-l", "many.npy", "-s", 5))
    assert len(set(many)) > 20
    for r in (0, 1, 77, 199):
        assert tokens_of(lmsample("sample", "-l", "row.npy", "-s", row_seed(5, r))) == [many[r]]


# --- Seeds, steps, batches, places ----------------------------------------------------------


def test_draws_are_the_steps(lmsample, tmp_path):
    save(tmp_path, "x.npy", logits(3, 900))
    ten = np.array(tokens_of(lmsample("sample", "-l", "x.npy", "-s", 3, "--step", 4, "--draws",
                                      10))).reshape(3, 10)
    single = [tokens_of(lmsample("sample", "-l", "x.npy", "-s", 3, "--step", 4 + step))
              for step in range(10)]
    assert np.array_equal(ten.T, np.array(single))
    assert len(set(ten[0])) > 3


def test_seeds_wrap_and_steps_end_at_64_bits(lmsample, fails, tmp_path):
    row = logits(1, 900)
    save(tmp_path, "x.npy", np.repeat(row, 4, axis=0))
    save(tmp_path, "row.npy", row)
    top, last = 2 ** 64 - 2, 2 ** 64 - 5
    found = tokens_of(lmsample("sample", "-l", "x.npy", "-s", top, "--step", last, "--draws", 4))
    expected = [tokens_of(lmsample("sample", "-l", "row.npy", "-s", row_seed(top, r),
                                   "--step", last + d))[0]
                for r in range(4) for d in range(4)]
    assert found == expected
    for seed in (-2, f"{-2}"):
        again = lmsample("sample", "-l", "x.npy", "-s", seed, "--step", last, "--draws", 4)
        assert tokens_of(again) == found
    fails(2, ["--draws: is 5", "at most 4"], "sample", "-l", "x.npy", "--step", last, "--draws", 5)
    fails(2, ["--step", "2^64 - 2"], "sample", "-l", "x.npy", "--step", top + 1)


def test_without_a_seed_each_run_has_its_own_and_tells_it(lmsample, tmp_path):
    x = save(tmp_path, "x.npy", np.zeros((3, 30000), np.float32))
    runs = [json.loads(lmsample("sample", "-l", x, "-f", "json", is_fresh=True).out)
            for _ in range(3)]
    seeds = [rows[0]["seed"] for rows in runs]
    assert len(set(seeds)) == 3 and all(0 <= seed < 2 ** 53 for seed in seeds)
    for rows in runs:
        assert [row["seed"] for row in rows] == [row_seed(seeds[runs.index(rows)], r)
                                                 for r in range(3)]
        again = lmsample("sample", "-l", x, "-s", rows[0]["seed"])
        assert tokens_of(again) == [row["tokens"][0] for row in rows]
    plain = lmsample("sample", "-l", x, is_fresh=True)
    assert plain.err == "" and plain.out != lmsample("sample", "-l", x, is_fresh=True).out
    # What is not drawn has no seed, and is the same each time.
    greedy = lmsample("sample", "-l", x, "-t", 0, "-f", "json", is_fresh=True)
    assert "seed" not in greedy.out
    assert greedy.out == lmsample("sample", "-l", x, "-t", 0, "-f", "json", is_fresh=True).out


def test_a_terminal_is_told_the_fresh_seed(lmsample, tmp_path):
    x = save(tmp_path, "x.npy", np.zeros((3, 30000), np.float32))
    (tmp_path / "p.json").write_text('[{"seed": 1}, {"seed": 2}, {"temperature": 0}]')

    def on_terminal(*words):
        ours, theirs = open_terminal()
        done = subprocess.run([PROGRAM, "sample", "-l", x, *words], stdout=subprocess.PIPE,
                              stderr=theirs, cwd=tmp_path, timeout=300, check=True)
        os.close(theirs)
        return done.stdout.decode(), read_terminal(ours).decode()

    out, told = on_terminal()
    found = re.search(r"lmsample sample: drawn with --seed (\d+)\r\n", told)
    assert lmsample("sample", "-l", x, "--seed", found[1]).out == out
    for words in (["-s", "3"], ["-t", "0"], ["--params", "p.json"]):
        assert "seed" not in on_terminal(*words)[1]


def test_tokens_are_those_of_the_python_package(lmsample, tmp_path):
    """One rule for seeds, whoever calls: test_a_seed_names_the_batch of tests/python has the same
    logits, seed and tokens, which the oracle draws."""
    x = save(tmp_path, "x.npy", np.zeros((6, 100_000), np.float32))
    shared = [4065, 26510, 6503, 23707, 17088, 30446]
    for batch in (1, 4, 6):
        found = lmsample("sample", "-l", x, "-s", 0x4373FDBF155465A3, "--batch", batch)
        assert tokens_of(found) == shared


@pytest.mark.parametrize("draws", [1, 3, 700])
def test_batch_never_changes_a_result(lmsample, tmp_path, draws):
    x = logits(23, 300)
    x[9] = np.nan
    save(tmp_path, "x.npy", x)
    results = []
    for batch in (1, 2, 7, 22, 23, 1000000, None):
        lmsample("sample", "-l", "x.npy", "--draws", draws, "-f", "npy", "-o", "t.npy",
                 "--logprobs", "l.npy", "--raw-logprobs", "r.npy", "--kept", "k.npy", "--probs",
                 "p.npy", "-t", 1.2, "-k", 40, *(["--batch", batch] if batch else []), status=1)
        results.append([(tmp_path / name).read_bytes()
                        for name in ("t.npy", "l.npy", "r.npy", "k.npy", "p.npy")])
    assert all(result == results[0] for result in results)
    assert np.load(tmp_path / "t.npy").shape == (23, draws)
    assert np.load(tmp_path / "l.npy").shape == (23, draws)
    kept = [0 if row == 9 else 40 for row in range(23)]
    assert np.load(tmp_path / "k.npy").tolist() == kept


def test_batches_beyond_one_buffer(lmsample, tmp_path):
    """131073 rows of parameters: more than a device with a largest buffer of 4 GiB lets a sampler
    have at once."""
    save(tmp_path, "x.npy", np.zeros((131073, 16), np.float16))
    words = ["sample", "-l", "x.npy", "-s", 4, "-f", "npy"]
    whole = lmsample(*words, "--batch", 131073).out_bytes
    assert whole == lmsample(*words).out_bytes
    assert len(np.load(io.BytesIO(whole))) == 131073


def test_place_of_a_row_never_changes_its_draws(lmsample, tmp_path):
    x = logits(50, 400)
    records = [{"seed": 1000 + 7 * row, "top_k": 5 + row, "temperature": 0.5 + row / 25}
               for row in range(50)]
    places = np.random.default_rng(3).permutation(50)
    save(tmp_path, "x.npy", x)
    save(tmp_path, "y.npy", x[places])
    (tmp_path / "x.json").write_text(json.dumps(records))
    (tmp_path / "y.json").write_text(json.dumps([records[place] for place in places]))
    found = {}
    for name in "xy":
        result = lmsample("sample", "-l", f"{name}.npy", "--params", f"{name}.json", "--draws", 5)
        found[name] = np.array(tokens_of(result)).reshape(50, 5)
    assert np.array_equal(found["x"][places], found["y"])


# --- Inputs ---------------------------------------------------------------------------------


def test_types_of_logits_with_the_same_values_draw_the_same(lmsample, tmp_path):
    x = np.round(logits(20, 500) * 8) / 8  # few enough bits for all of them
    x[3, 4] = np.nan
    x[4, :5] = -np.inf
    files = {
        "float32": (x, []),
        "float16": (x.astype(np.float16), []),
        "bfloat16": (to_bfloat16(np.where(np.isnan(x), np.float32(np.nan), x)), ["--bfloat16"]),
        "int16": (to_bfloat16(x).view(np.int16), ["--bfloat16"]),
        "V2": (to_bfloat16(x).view("V2"), ["--bfloat16"]),
        "big float32": (x.astype(">f4"), []),
        "big float16": (x.astype(">f2"), []),
        "big bfloat16": (to_bfloat16(x).astype(">u2"), ["--bfloat16"]),
    }
    assert np.array_equal(x, files["float16"][0].astype(np.float32), equal_nan=True)
    found = {}
    for name, (array, options) in files.items():
        save(tmp_path, "x.npy", array)
        found[name] = lmsample("sample", "-l", "x.npy", *options, "-p", 0.9, "--draws", 6).out
    assert len(set(found.values())) == 1, found
    assert len(set(found["float32"].split())) > 10


def test_a_vector_is_one_row(lmsample, tmp_path):
    x = logits(1, 600)
    save(tmp_path, "two.npy", x)
    save(tmp_path, "one.npy", x[0])
    for draws, shape in (([], ()), (["--draws", 1], (1,)), (["--draws", 4], (4,))):
        for name in ("one", "two"):
            lmsample("sample", "-l", f"{name}.npy", *draws, "-f", "npy", "-o", f"{name}.out",
                     "--probs", f"{name}.probs", "--kept", f"{name}.kept", "--logprobs",
                     f"{name}.logprobs")
        for kind, one in (("out", shape), ("logprobs", shape), ("kept", ()), ("probs", (600,))):
            a = np.load(tmp_path / f"one.{kind}")
            b = np.load(tmp_path / f"two.{kind}")
            assert a.shape == one and b.shape == (1, *one)
            assert np.array_equal(a, b[0])


def test_no_rows(lmsample, tmp_path):
    save(tmp_path, "x.npy", np.zeros((0, 50), np.float32))
    assert lmsample("sample", "-l", "x.npy").out == ""
    assert json.loads(lmsample("sample", "-l", "x.npy", "-f", "json", "--details").out) == []
    lmsample("sample", "-l", "x.npy", "-f", "npy", "-o", "t.npy", "--probs", "p.npy", "--draws",
             2)
    assert np.load(tmp_path / "t.npy").shape == (0, 2)
    assert np.load(tmp_path / "p.npy").shape == (0, 50)
    (tmp_path / "p.json").write_text("[]")
    (tmp_path / "p.csv").write_text("top_k\n")
    for name in ("p.json", "p.csv"):
        assert lmsample("sample", "-l", "x.npy", "--params", name).out == ""


def test_standard_input_is_the_file(lmsample, tmp_path):
    x = logits(700, 64)
    save(tmp_path, "x.npy", x)
    data = (tmp_path / "x.npy").read_bytes()
    assert (lmsample("sample", "-l", "-", "--batch", 99, input=data).out
            == lmsample("sample", "-l", "x.npy").out)
    assert (lmsample("sample", "-l", "/dev/stdin", input=data).out
            == lmsample("sample", "-l", "x.npy").out)


def test_largest_vocabulary(lmsample, tmp_path):
    x = logits(3, 1 << 20)
    save(tmp_path, "x.npy", x)
    result = lmsample("sample", "-l", "x.npy", "-t", 0, "--batch", 1)
    assert tokens_of(result) == [reference.greedy(row) for row in x]
    lmsample("sample", "-l", "x.npy", "-t", 0.8, "--batch", 1, "--probs", "p.npy", "--draws", 3)
    for row, probs in zip(x, np.load(tmp_path / "p.npy")):
        expected, _ = reference.probabilities(row, temperature=0.8)
        assert reference.distance(probs, expected) < reference.TOLERANCE


def npy_header(shape):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (117 - len(text)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def run_measured(words, folder, feed):
    """Runs the program on what feed() writes to its standard input: its exit status, standard
    output and largest resident set in MiB."""
    process = subprocess.Popen([PROGRAM, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               cwd=folder)
    writer = threading.Thread(target=feed, args=[process.stdin])
    writer.start()
    out = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    writer.join()
    return process.returncode, out, usage.ru_maxrss / 1024


def test_stream_larger_than_what_is_held(tmp_path):
    """4.1 GiB by a pipe, with logits behind 2^32 bytes that count."""
    rows, vocab = 8256, 131072
    marked = [3, 8193, 8255]

    def feed(pipe):
        pipe.write(npy_header((rows, vocab)))
        zeros = bytes(vocab * 4 * 64)
        for first in range(0, rows, 64):
            here = [row for row in marked if first <= row < first + 64]
            if here:
                block = np.zeros((64, vocab), np.float32)
                for row in here:
                    block[row - first, row] = 1
            pipe.write(block.tobytes() if here else zeros)
        pipe.close()

    status, out, resident = run_measured(["sample", "-l", "-", "-t", "0"], tmp_path, feed)
    assert status == 0
    expected = np.zeros(rows, int)
    expected[marked] = marked
    assert np.array_equal(np.array(out.split(), int), expected)
    assert resident < 600


def test_many_draws_are_not_held(tmp_path):
    save(tmp_path, "x.npy", np.zeros((1, 2), np.float32))
    words = ["sample", "-l", "x.npy", "--draws", str(2 ** 31 - 1), "-f", "npy"]
    process = subprocess.Popen([PROGRAM, *words], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, cwd=tmp_path)
    header = process.stdout.read(128)
    some = np.frombuffer(process.stdout.read(4 << 20), np.int32)
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert b"(1, 2147483647)" in header
    assert process.returncode == 5  # nobody reads the rest
    assert abs(some.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(some))
    assert usage.ru_maxrss < 400 * 1024


# --- Formats --------------------------------------------------------------------------------


@pytest.mark.parametrize("draws", [None, 1, 4])
def test_formats_hold_the_same_tokens(lmsample, tmp_path, draws):
    save(tmp_path, "x.npy", logits(13, 200))
    options = ["sample", "-l", "x.npy", "-s", 9] + (["--draws", draws] if draws else [])
    text = lmsample(*options).out
    assert text.endswith("\n") and text.count("\n") == 13 * (draws or 1)
    listed = lmsample(*options, "--format", "json").out
    rows = json.loads(listed)
    assert [row["row"] for row in rows] == list(range(13))
    assert all(row["status"] == "ok" for row in rows)
    assert all(set(row) == {"row", "status", "seed", "tokens"} for row in rows)
    assert [row["seed"] for row in rows] == [row_seed(9, r) for r in range(13)]
    assert sum((row["tokens"] for row in rows), []) == [int(word) for word in text.split()]
    # an object per line
    lines = listed.splitlines()
    assert lines[0] == "[" and lines[-1] == "]" and len(lines) == 15
    assert all(json.loads(line.rstrip(",")) for line in lines[1:-1])
    array = np.load(io.BytesIO(lmsample(*options, "-f", "npy").out_bytes))
    assert array.dtype == np.int32
    assert array.shape == ((13, draws) if draws else (13,))
    assert array.ravel().tolist() == [int(word) for word in text.split()]


def test_details_are_the_side_files(lmsample, tmp_path):
    save(tmp_path, "x.npy", logits(8, 3000))
    result = lmsample("sample", "-l", "x.npy", "-f", "json", "--details", "--draws", 400, "-k",
                      30, "--logprobs", "l.npy", "--raw-logprobs", "r.npy", "--kept", "k.npy")
    rows = json.loads(result.out)
    assert set(rows[0]) == {"row", "status", "seed", "tokens", "logprobs", "raw_logprobs", "kept"}
    for name, key in (("l", "logprobs"), ("r", "raw_logprobs"), ("k", "kept")):
        array = np.load(tmp_path / f"{name}.npy")
        assert np.array_equal(np.array([row[key] for row in rows], array.dtype), array)


def test_output_is_written_over(lmsample, tmp_path):
    save(tmp_path, "x.npy", logits(4, 50))
    (tmp_path / "t.txt").write_text("old")
    lmsample("sample", "-l", "x.npy", "-o", "t.txt")
    assert (tmp_path / "t.txt").read_text() == lmsample("sample", "-l", "x.npy").out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.txt", "x.npy"]


def test_a_side_file_to_standard_output(lmsample, tmp_path):
    x = logits(4, 50)
    save(tmp_path, "x.npy", x)
    result = lmsample("sample", "-l", "x.npy", "-o", "t.txt", "--probs", "-")
    probs = np.load(io.BytesIO(result.out_bytes))
    for row in range(4):
        expected, _ = reference.probabilities(x[row])
        assert reference.distance(probs[row], expected) < reference.TOLERANCE
