"""--params: the parameters of rows from .json and .csv files."""

import json

import numpy as np
import pytest

from conftest import row_seed

TOP = 2 ** 64 - 1

# What the three rows of GOOD files say.
ROWS = [
    {"temperature": 0.5, "top_k": 7, "seed": TOP},
    {"top_p": 0.25, "min_p": 0.0625, "preset": "joint", "seed": 9007199254740993},
    {"step": 12, "seed": 0, "top_k": 0},
]


@pytest.fixture
def three(tmp_path):
    """Three rows of logits, and each of them as a file of its own."""
    x = (np.random.default_rng(2).standard_normal((3, 800)) * 2).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    for row in range(3):
        np.save(tmp_path / f"{row}.npy", x[row])
    return x


def options_of(record):
    return [word for field, value in record.items()
            for word in ("--" + field.replace("_", "-"), value)]


@pytest.fixture
def expected(lmsample, three):
    """What the three rows draw, by options on the command line alone."""

    def run(records, *options):
        return [lmsample("sample", "-l", f"{row}.npy", "--draws", 30, *options,
                         *options_of(record)).out for row, record in enumerate(records)]

    return run


def drawn(lmsample, name, *options):
    lines = lmsample("sample", "-l", "x.npy", "--draws", 30, *options, "--params",
                     name).out.splitlines(True)
    assert len(lines) == 90
    return ["".join(lines[30 * row:30 * row + 30]) for row in range(3)]


GOOD = {
    "plain.json": json.dumps(ROWS),
    "indented.JSON": json.dumps(ROWS, indent=4) + "\n\n",
    "mark.json": "\ufeff" + json.dumps(ROWS),
    "escapes.json": json.dumps(ROWS).replace("joint", "\\u006aoint"),
    "plain.csv": ("temperature,top_k,top_p,min_p,seed,step,preset\n"
                  f"0.5,7,,,{TOP},,\n"
                  ",,0.25,0.0625,9007199254740993,,joint\n"
                  ",0,,,0,12,\n"),
    "order.csv": ("preset,seed,step,min_p,top_p,top_k,temperature\n"
                  f",{TOP},,,,7,0.5\n"
                  "joint,9007199254740993,,0.0625,0.25,,\n"
                  ",0,12,,,0,\n"),
    "quotes.csv": ('"temperature",top_k,top_p,min_p,seed,step,"preset"\n'
                   f'"0.5",7,"","","{TOP}",,\n'
                   ',,0.25,0.0625,9007199254740993,"","joint"\n'
                   '"","0",,,0,12,""\n'),
    "spaces.csv": (" temperature, top_k ,top_p,min_p,seed,step,preset \n"
                   f"0.5, 7,,,{TOP} ,,\n"
                   ",, 0.25 ,0.0625,9007199254740993,, joint\n"
                   ", 0,,,0,12, \n"),
}
GOOD["crlf.csv"] = GOOD["plain.csv"].replace("\n", "\r\n")
GOOD["returns.csv"] = GOOD["plain.csv"].replace("\n", "\r")
GOOD["mark.CSV"] = "\ufeff" + GOOD["plain.csv"]
GOOD["no-newline.csv"] = GOOD["plain.csv"].rstrip("\n")
GOOD["blank-end.csv"] = GOOD["crlf.csv"] + "\r\n\r\n"
GOOD["no-newline-crlf.csv"] = GOOD["crlf.csv"].rstrip("\r\n")


def test_good_files_are_as_options(lmsample, tmp_path, expected):
    wanted = expected(ROWS)
    assert len(set(wanted)) == 3
    for name, text in GOOD.items():
        (tmp_path / name).write_bytes(text.encode())
        assert drawn(lmsample, name) == wanted, name


def test_what_is_not_given_is_as_on_the_command_line(lmsample, tmp_path, expected):
    options = ["-t", 1.5, "-k", 60, "--step", 3, "--preset", "llama.cpp"]
    wanted = expected(ROWS, *options)
    assert wanted != expected(ROWS)
    for name in ("plain.json", "plain.csv"):
        (tmp_path / name).write_text(GOOD[name])
        assert drawn(lmsample, name, *options) == wanted


def test_rows_without_a_seed_have_that_of_all_and_their_number(lmsample, tmp_path, expected):
    wanted = expected([{"seed": 50, "top_k": 5}, {"seed": 7}, {"seed": row_seed(50, 2)}])
    (tmp_path / "p.json").write_text('[{"top_k": 5}, {"seed": 7}, {}]')
    (tmp_path / "p.csv").write_text('top_k,seed\n5,\n,7\n"",\n')
    for name in ("p.json", "p.csv"):
        assert drawn(lmsample, name, "-s", 50) == wanted


def test_one_record_is_for_all_rows(lmsample, tmp_path, expected):
    wanted = expected([{"seed": row_seed(90, row), "top_p": 0.5} for row in range(3)])
    (tmp_path / "object.json").write_text('{"top_p": 0.5, "seed": 90}')
    (tmp_path / "array.json").write_text('[{"top_p": 0.5, "seed": 90}]')
    (tmp_path / "p.csv").write_text("seed,top_p\n90,0.5\n")
    for name in ("object.json", "array.json", "p.csv"):
        assert drawn(lmsample, name, "-s", 4) == wanted


def signed(seed):
    """As engines pass it."""
    return seed if seed < 2 ** 63 else seed - 2 ** 64


@pytest.mark.parametrize("seed", [0, 2 ** 53 + 1, 2 ** 63 - 1, 2 ** 63, 2 ** 63 + 1, TOP - 1, TOP])
def test_seeds_are_exact(lmsample, tmp_path, three, seed):
    options = ["sample", "-l", "0.npy", "--draws", 20]
    wanted = lmsample(*options, "-s", seed).out
    assert wanted != lmsample(*options, "-s", seed ^ 1).out
    (tmp_path / "p.json").write_text(json.dumps([{"step": 0, "seed": seed}]))
    (tmp_path / "p.csv").write_text(f"seed\n{seed}\n")
    (tmp_path / "n.json").write_text(json.dumps([{"seed": signed(seed)}]))
    (tmp_path / "n.csv").write_text(f"seed\n{signed(seed)}\n")
    for name in ("p.json", "p.csv", "n.json", "n.csv"):
        assert lmsample(*options, "--params", name).out == wanted


def test_null_is_as_left_out(lmsample, tmp_path, three):
    (tmp_path / "p.json").write_text(json.dumps({
        "temperature": None, "top_k": None, "top_p": 0.5, "min_p": None, "seed": None,
        "step": None, "preset": None}))
    options = ["sample", "-l", "0.npy", "--draws", 20]
    assert lmsample(*options, "--params", "p.json", "-k", 9, "-s", 4).out == lmsample(
        *options, "-k", 9, "-s", 4, "-p", 0.5).out


def test_top_k_that_no_vocabulary_has_is_off(lmsample, tmp_path, three):
    for top_k in (2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, 2 ** 64 - 1):
        (tmp_path / "p.json").write_text(json.dumps({"top_k": top_k}))
        for words in (["-k", top_k], ["--params", "p.json"]):
            lmsample("sample", "-l", "x.npy", *words, "--kept", "k.npy")
            assert np.load(tmp_path / "k.npy").tolist() == [800] * 3


def test_the_smallest_shares(lmsample, tmp_path):
    """What float32 has no number for becomes its smallest normal one, 2^-126, of which the
    logarithm is -87.34: 0 would be off, and of top-p greedy."""
    np.save(tmp_path / "x.npy", np.array([[0, -87, -88, 0]], np.float32))
    for text in ("1e-50", "1e-400", "1e-40"):
        (tmp_path / "p.csv").write_text(f"min_p\n{text}\n")
        for words in (["--min-p", text], ["--params", "p.csv"]):
            lmsample("sample", "-l", "x.npy", *words, "--kept", "k.npy")
            assert np.load(tmp_path / "k.npy").tolist() == [3]
    lmsample("sample", "-l", "x.npy", "--min-p", 0, "--kept", "k.npy")
    assert np.load(tmp_path / "k.npy").tolist() == [4]


def test_long_numbers(lmsample, tmp_path, three):
    """More digits than 64 bits have, where they are in range."""
    options = ["sample", "-l", "0.npy", "--draws", 20]
    (tmp_path / "p.json").write_text('{"temperature": 18446744073709551616, "top_p": '
                                     '0.50000000000000000000000000000001, "min_p": 1e-3}')
    assert (lmsample(*options, "--params", "p.json").out
            == lmsample(*options, "-t", 2 ** 64, "-p", 0.5, "--min-p", 0.001).out)


def test_many_rows(lmsample, tmp_path):
    rows = 20000
    x = np.random.default_rng(8).standard_normal((rows, 16)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    records = [{"top_k": row % 16 + 1, "seed": row * 10 ** 14} for row in range(rows)]
    (tmp_path / "p.json").write_text(json.dumps(records))
    (tmp_path / "p.csv").write_text("seed,top_k\n" + "".join(
        f"{one['seed']},{one['top_k']}\n" for one in records))
    outs = []
    for name in ("p.json", "p.csv"):
        lmsample("sample", "-l", "x.npy", "--params", name, "--kept", "k.npy", "-o", "t.txt")
        assert np.array_equal(np.load(tmp_path / "k.npy"), np.arange(rows) % 16 + 1)
        outs.append((tmp_path / "t.txt").read_text())
    assert outs[0] == outs[1]


# --- Errors ---------------------------------------------------------------------------------

FIELDS = "is no field; the fields are temperature, top_k, top_p, min_p, seed, step, preset"

BAD = [
    # values, in both kinds of files
    ("p.json", '[{}, {"temperature": -1}, {}]', ["row 1", '"temperature" is "-1"', "2^-64"]),
    ("p.json", '[{}, {}, {"temperature": 1e-30}]', ["row 2", '"temperature" is "1e-30"']),
    ("p.json", '[{}, {}, {"temperature": 1e-400}]', ["row 2", '"temperature" is "1e-400"']),
    ("p.json", '[{}, {}, {"temperature": 1e999}]', ["row 2", '"temperature" is "1e999"']),
    ("p.json", '[{}, {}, {"temperature": NaN}]', ["row 2", '"temperature" is "NaN"']),
    ("p.json", '[{}, {}, {"top_p": Infinity}]', ["row 2", '"top_p" is "Infinity"']),
    ("p.json", '[{}, {}, {"top_p": 1.01}]', ["row 2", '"top_p" is "1.01"', "from 0 to 1"]),
    ("p.json", '[{}, {}, {"min_p": -0.5}]', ["row 2", '"min_p" is "-0.5"', "from 0 to 1"]),
    ("p.json", '[{"top_k": -2}, {}, {}]', ["row 0", '"top_k" is "-2"', "2^64 - 1"]),
    ("p.json", '[{"top_k": 18446744073709551616}, {}, {}]',
     ["row 0", '"top_k" is "18446744073709551616"']),
    ("p.json", '[{"top_k": 50.0}, {}, {}]', ["row 0", '"top_k" is "50.0"', "whole number"]),
    ("p.json", '[{"step": -1}, {}, {}]', ["row 0", '"step" is "-1"', "2^64 - 2"]),
    ("p.json", '[{"seed": -9223372036854775809}, {}, {}]',
     ["row 0", '"seed" is "-9223372036854775809"', "-2^63"]),
    ("p.csv", "seed\n-9223372036854775809\n1\n1\n", ["row 0 (line 2)", "-2^63"]),
    ("p.csv", "seed\n--1\n1\n1\n", ["row 0 (line 2)", '"--1"']),
    ("p.json", '[{"top-k": null}, {}, {}]', ["row 0", '"top-k" ' + FIELDS]),
    ("p.json", '[{"seed": null, "seed": 1}, {}, {}]', ["row 0", "there twice"]),
    ("p.json", '[{"seed": 18446744073709551616}, {}, {}]',
     ["row 0", '"seed" is "18446744073709551616"', "2^64 - 1"]),
    ("p.json", '[{}, {"step": 99999999999999999999999}, {}]',
     ["row 1", '"step" is "99999999999999999999999"', "2^64 - 2"]),
    ("p.json", '[{"seed": 1e3}, {}, {}]', ["row 0", '"seed" is "1e3"']),
    ("p.json", '[{"preset": "nucleus"}, {}, {}]', ["row 0", '"preset" is "nucleus"', "vllm"]),
    ("p.csv", "temperature\n1\n-1\n1\n", ["row 1 (line 3)", '"temperature" is "-1"', "2^-64"]),
    ("p.csv", "top_p\n1\n1\nnan\n", ["row 2 (line 4)", '"top_p" is "nan"', "from 0 to 1"]),
    ("p.csv", "min_p\n1\n1\n0x1p-3\n", ["row 2 (line 4)", '"min_p" is "0x1p-3"']),
    ("p.csv", "top_k\r\n5\r\n1.5\r\n1\r\n", ["row 1 (line 3)", '"top_k" is "1.5"']),
    ("p.csv", "seed\n18446744073709551616\n1\n1\n", ["row 0 (line 2)", '"seed"', "2^64 - 1"]),
    ("p.csv", "step\n+1\n1\n1\n", ["row 0 (line 2)", '"step" is "+1"']),
    ("p.csv", 'preset\n""\nvllm+\nvllm\n', ["row 1 (line 3)", '"preset" is "vllm+"']),
    ("p.csv", 'preset\nvllm\n"a\nb"\nvllm\n', ["row 1", '"preset" is "a\\nb"']),
    # names
    ("p.json", '[{"top-k": 5}, {}, {}]', ["row 0", '"top-k" ' + FIELDS]),
    ("p.json", '[{"": 5}, {}, {}]', ["row 0", '"" ' + FIELDS]),
    ("p.json", '[{}, {}, {"top_k": 5, "top_p": 1, "top_k": 5}]',
     ["row 2", '"top_k" is there twice']),
    ("p.json", '[{}, {}, {"seed": 5, "\\u0073eed": 5}]', ["line 1", "without escapes"]),
    ("p.json", "[{'seed': 5}, {}, {}]", ["line 1, column 3", "double quotation marks"]),
    ("p.csv", "top_k,top-p\n1,1\n", ["line 1", '"top-p" ' + FIELDS]),
    ("p.csv", "top_k,\n1,1\n", ["line 1", '"" ' + FIELDS]),
    ("p.csv", "top_k,seed,top_k\n1,1,1\n", ["line 1", '"top_k" is there twice']),
    ("p.csv", "1,2,3\n1,1,1\n", ["line 1", '"1" ' + FIELDS]),
    # types
    ("p.json", '[{"top_k": "5"}, {}, {}]', ["row 0", '"top_k" is "5"', "a number"]),
    ("p.json", '[{"top_k": true}, {}, {}]', ["row 0", '"top_k" is true', "a number"]),
    ("p.json", '[{"top_k": [5]}, {}, {}]', ["row 0", '"top_k" is [5]', "a number"]),
    ("p.json", '[{"preset": 5}, {}, {}]', ["row 0", '"preset" is 5', "a text"]),
    ("p.json", '[{"preset": "vllm\\u0000"}, {}, {}]', ["row 0", '"preset"', "zero byte"]),
    ("p.json", "[{}, 5, {}]", ["row 1", "is 5", "an object"]),
    ("p.json", "[{}, null, {}]", ["row 1", "is null", "an object"]),
    ("p.json", "5", ["is 5", "an array of objects or an object"]),
    ("p.json", "null", ["is null", "an array of objects or an object"]),
    # syntax
    ("p.json", "", ["line 1, column 1", "no JSON"]),
    ("p.json", '[{}, {},\n {"top_k": }]', ["line 2, column 12", "no JSON"]),
    ("p.json", '[{}, {}, {}', ["line 1, column 12", "no JSON"]),
    ("p.json", '[{}, {}, {},]', ["line 1, column 13", "no JSON"]),
    ("p.json", '[{}, {}, {}] []', ["line 1, column 14", "no JSON"]),
    ("p.json", '[{}, {}, {}]\0', ["column 13", "zero byte"]),
    ("p.json", '[{}, {}, {}] // rows', ["line 1, column 14", "no JSON"]),
    ("p.json", '[{"top_k": 05}, {}, {}]', ["line 1", "no JSON"]),
    ("p.json", b'[{"preset": "\xff"}, {}, {}]', ["line 1", "no JSON"]),
    ("p.json", "[" * 100, ["line 1", "no JSON", "nesting"]),
    ("p.csv", "", ["is empty", "field names"]),
    ("p.csv", "\n\n", ["is empty", "field names"]),
    ("p.csv", "top_k,top_p\n1,1\n1\n1,1\n", ["row 1 (line 3)", "has 1 cells, must have 2"]),
    ("p.csv", "top_k,top_p\n1,1\n1,1,1\n1,1\n", ["row 1 (line 3)", "has 3 cells, must have 2"]),
    ("p.csv", "top_k\n1\n\n1\n1\n", ["line 3 is blank"]),
    ("p.csv", "\ntop_k\n1\n1\n1\n", ["line 1 is blank"]),
    ("p.csv", "top_k\r\n1\r\n\r\n1\r\n1\r\n", ["line 3 is blank"]),
    ("p.csv", 'top_k\n1\n"1\n1\n', ["line 3", "quotation mark"]),
    ("p.csv", 'top_k\n1\n1"2"\n1\n', ["line 3", "quotation mark"]),
    ("p.csv", 'top_k\n1\n"1"2\n1\n', ["line 3", "quotation mark"]),
    ("p.csv", "top_k\n1\n1\0\n1\n", ["line 3", "zero byte"]),
    ("p.csv", "top_k;top_p\n1;1\n", ["line 1", '"top_k;top_p" ' + FIELDS]),
    # rows
    ("p.json", "[{}, {}]", ["has 2 rows", "must have 1 or the 3 of x.npy"]),
    ("p.json", "[]", ["has 0 rows"]),
    ("p.json", "[{}, {}, {}, {}]", ["has 4 rows"]),
    ("p.csv", "top_k\n", ["has 0 rows"]),
    ("p.csv", "top_k\n1\n1\n1\n1\n", ["has 4 rows"]),
]


@pytest.mark.parametrize("name,text,parts", BAD,
                         ids=[f"{i}-{one[0]}" for i, one in enumerate(BAD)])
def test_bad_files(fails, tmp_path, three, name, text, parts):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    fails(3, [f"{name}: ", *parts], "sample", "-l", "x.npy", "--params", name, "-o", "t.txt",
          "--probs", "p.npy")


def test_files_that_are_none(fails, tmp_path, three):
    fails(3, ["none.json", "No such file"], "sample", "-l", "x.npy", "--params", "none.json")
    fails(3, ["none.csv", "No such file"], "sample", "-l", "x.npy", "--params", "none.csv")
    for name in ("folder.json", "folder.csv"):
        (tmp_path / name).mkdir()
        fails(3, [name, "Is a directory"], "sample", "-l", "x.npy", "--params", name)
    for name in ("p.txt", "json", "-", ""):
        fails(2, ["--params", f'"{name}"', ".json or .csv"], "sample", "-l", "x.npy", "--params",
              name)


def test_the_number_of_rows_of_standard_input_is_known_from_its_header(fails, tmp_path, three):
    (tmp_path / "p.csv").write_text("top_k\n1\n1\n")
    header = (tmp_path / "x.npy").read_bytes()[:128]
    fails(3, ["p.csv", "has 2 rows", "the 3 of standard input"], "sample", "-l", "-", "--params",
          "p.csv", input=header)
