"""What rows ask of `lmsample sample`: edits, masks, histories, best tokens, ranks, entropies; by
options, by parameter files, by files of lists. Against float64, and against each other."""

import csv
import json

import numpy as np
import pytest

V, ROWS = 50, 5
X = (3 * np.random.default_rng(5).standard_normal((ROWS, V))).astype(np.float32)
PROMPTS = [[1, 2, 3], [4], [], [7, 8], [9, 9, 9]]
OUTPUTS = [[4, 5, 1], [4, 4, 6], [1, 2, 3, 1, 2], [], [10]]


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "x.npy", X)
    histories = [{"prompt": p, "output": o} for p, o in zip(PROMPTS, OUTPUTS)]
    (tmp_path / "h.json").write_text(json.dumps(histories))
    (tmp_path / "h.jsonl").write_text("\n".join(json.dumps(h) for h in histories) + "\n\n")
    return tmp_path


@pytest.fixture
def edited(lmsample, files):
    """Log-probabilities of the rows as edited, [ROWS, V]; -inf where banned."""

    def run(*options):
        found = json.loads(lmsample("sample", "-l", "x.npy", "-f", "json", "--top-logprobs", V,
                                    "--logprobs-of", "edited", *options).out)
        values = np.full((ROWS, V), -np.inf)
        for row in found:
            values[row["row"], row["top_tokens"]] = row["top_logprobs"]
        return values

    return run


def log_softmax(rows):
    rows = np.asarray(rows, np.float64)
    best = rows.max(axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        return rows - best - np.log(np.exp(rows - best).sum(axis=-1, keepdims=True))


def same(found, logits):
    np.testing.assert_allclose(found, log_softmax(logits), atol=2e-5)


def banned(*rows):
    """The logits without tokens: of all rows, or of each."""
    x = X.copy()
    for row in range(ROWS):
        x[row, list(rows[row if len(rows) == ROWS else 0])] = -np.inf
    return x


def penalized(repetition=1.0, frequency=0.0, presence=0.0, of_prompt=True, additive_prompt=False,
              additive_first=False):
    x = X.astype(np.float64)
    for row, (prompt, output) in enumerate(zip(PROMPTS, OUTPUTS)):
        tokens = (prompt if additive_prompt else []) + output

        def repeat(row=row, there=set((prompt if of_prompt else []) + output)):
            for token in there:
                x[row, token] *= 1 / repetition if x[row, token] > 0 else repetition

        def add(row=row, tokens=tokens):
            for token in set(tokens):
                x[row, token] -= frequency * tokens.count(token) + presence

        for step in (add, repeat) if additive_first else (repeat, add):
            step()
    return x


# --- Edits -------------------------------------------------------------------------------------


def test_penalties(edited):
    options = ["--repetition-penalty", 1.3, "--frequency-penalty", 0.25, "--presence-penalty", 0.5]
    for name in ("h.json", "h.jsonl"):
        same(edited("--history", name, *options), penalized(1.3, 0.25, 0.5))
    same(edited("--history", "h.json", *options, "--penalties", "sglang"),
         penalized(1.3, 0.25, 0.5, of_prompt=False, additive_first=True))
    same(edited("--history", "h.json", *options, "--penalties", "llama.cpp"),
         penalized(1.3, 0.25, 0.5, additive_prompt=True))


def test_a_history_without_a_prompt_and_one_for_all(edited, files):
    (files / "all.json").write_text("[1, 1, 2]")
    (files / "rows.json").write_text("[[1, 1, 2], null, [], [3], null]")
    x = X.astype(np.float64)
    x[:, 1] -= 2
    x[:, 2] -= 1
    same(edited("--history", "all.json", "--frequency-penalty", 1), x)
    x[1:] = X[1:]
    x[3, 3] -= 1
    same(edited("--history", "rows.json", "--frequency-penalty", 1), x)


def test_a_window(edited, files):
    (files / "all.json").write_text("[1, 1, 2, 3]")
    x = X.astype(np.float64)
    x[:, [1, 2, 3]] -= 1
    found = edited("--history", "all.json", "--frequency-penalty", 1, "--penalty-window", 3)
    same(found, x)


def test_biases(edited, files):
    x = X.copy()
    x[:, 3] += 2
    x[:, 4] = -np.inf
    (files / "b.json").write_text('{"3": 2, "4": "-inf"}')
    (files / "b.csv").write_text("token,value\n3,1.5\n4,-inf\n3,0.5\n")
    for name in ("b.json", "b.csv"):
        same(edited("--bias", name), x)
    x = X.copy()
    x[1, 3] += 2
    x[3, 5] -= 1
    (files / "r.json").write_text('[null, {"3": 2}, {}, {"5": -1}, null]')
    (files / "r.csv").write_bytes(b"row,token,value\r\n1,3,2\r\n3,5,-1e0\r\n")
    for name in ("r.json", "r.csv"):
        same(edited("--bias", name), x)


def test_lists(edited, files):
    same(edited("--banned", "3,4,49"), banned([3, 4, 49]))
    same(edited("--allowed", "3,4,49"), banned(set(range(V)) - {3, 4, 49}))
    (files / "one.json").write_text("[3, 4]")
    same(edited("--banned", "one.json"), banned([3, 4]))
    (files / "rows.json").write_text("[[3, 4], null, [], [49], [0]]")
    same(edited("--banned", "rows.json"), banned([3, 4], [], [], [49], [0]))


def test_what_looks_back(edited, files):
    (files / "words.json").write_text("[[20], [1, 21], [2, 3, 22]]")
    (files / "of_rows.json").write_text("[[[20]], null, [[1, 2, 22]], [], [[30], [31]]]")
    history = ("--history", "h.json")
    same(edited(*history, "--bad-words", "words.json"), banned([20, 21], [20], [20], [20], [20]))
    same(edited(*history, "--bad-words", "of_rows.json"), banned([20], [], [22], [], [30, 31]))
    same(edited(*history, "--no-repeat-ngram", 2), banned([2], [], [3], [], []))
    same(edited(*history, "--end-tokens", "6,7", "--min-tokens", 3),
         banned([], [], [], [6, 7], [6, 7]))
    same(edited("--end-tokens", "6,7", "--ignore-end"), banned([6, 7]))


def test_dry(edited, files):
    (files / "b.json").write_text("[[1]]")
    options = ["--history", "h.json", "--dry-multiplier", 0.5, "--dry-allowed-length", 1]

    def expected(of_0, of_2):
        """Behind the 1 of row 0 there was a 2, and behind the 1, 2 of row 2 a 3."""
        x = X.copy()
        x[0, 2] -= of_0
        x[2, 3] -= of_2
        return x

    same(edited(*options), expected(0.5, 0.5 * 1.75))
    same(edited(*options, "--dry-base", 3), expected(0.5, 1.5))
    same(edited(*options, "--dry-breakers", "b.json"), expected(0, 0.5))
    same(edited(*options, "--dry-range", 3), X)


@pytest.mark.parametrize("dtype", ["int32", "uint32", "bool", "uint8"])
def test_masks(edited, files, dtype):
    allowed = np.random.default_rng(1).random((ROWS, V)) < 0.5
    padded = np.zeros((ROWS, 64), bool)
    padded[:, :V] = allowed
    mask = allowed.astype(dtype)
    if dtype.endswith("32"):
        mask = np.packbits(padded, axis=1, bitorder="little").view(dtype)
    np.save(files / "m.npy", mask)
    same(edited("--mask", "m.npy"), np.where(allowed, X, -np.inf))
    np.save(files / "m.npy", mask[1].astype(mask.dtype.newbyteorder(">")))
    same(edited("--mask", "m.npy"), np.where(allowed[1], X, -np.inf))


def test_guidance(edited, files):
    away = X[::-1] / 2
    np.save(files / "u.npy", away)
    same(edited("--unconditional", "u.npy", "--guidance", 1.5), away + 1.5 * (X - away))
    np.save(files / "u.npy", away[2])
    one = edited("--unconditional", "u.npy", "--guidance", 1.5)
    same(one, away[2] + 1.5 * (X - away[2]))
    np.testing.assert_array_equal(
        one, edited("--unconditional", "u.npy", "--guidance", 1.5, "--batch", 2))


def test_a_forced_token(lmsample, files):
    assert lmsample("sample", "-l", "x.npy", "--force", 17).out == "17\n" * ROWS


# --- Rows by a parameter file ------------------------------------------------------------------

FIELDS = {"repetition_penalty": [1.5, None, 1.25, 0.5, None],
          "frequency_penalty": [None, 1, -0.5, None, 0.125],
          "penalties": [None, "llama.cpp", "mlc", "vllm", None],
          "min_tokens": [None, 9, 1, None, 2],
          "ignore_end": [True, None, False, None, None],
          "no_repeat_ngram": [None, None, 2, 1, None],
          "top_logprobs": [1, None, 0, 3, V]}


def test_fields_are_options(lmsample, files):
    """Each row by itself, with its fields as options, is as all rows with a file of them."""
    rows = [{name: values[row] for name, values in FIELDS.items() if values[row] is not None}
            for row in range(ROWS)]
    (files / "p.json").write_text(json.dumps(rows))
    with open(files / "p.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        writer.writerows([["" if v[row] is None else str(v[row]).lower() for v in FIELDS.values()]
                          for row in range(ROWS)])
    common = ["-f", "json", "--details=all", "--end-tokens", "1,2", "-s", 3, "-t", 0.7,
              "--history"]
    found = [json.loads(lmsample("sample", "-l", "x.npy", "--params", name, *common, "h.json").out)
             for name in ("p.json", "p.csv")]
    assert found[0] == found[1]
    for row, fields in enumerate(rows):
        np.save(files / "one.npy", X[row:row + 1])
        history = {"prompt": PROMPTS[row], "output": OUTPUTS[row]}
        (files / "one.json").write_text(json.dumps(history))
        seed = found[0][row]["seed"]
        options = []
        for name, value in fields.items():
            option = "--" + name.replace("_", "-")
            options += [option] if value is True else [option, value] if value is not False else []
        alone = json.loads(lmsample("sample", "-l", "one.npy", *common, "one.json", *options,
                                    "-s", seed).out)[0]
        whole = {**found[0][row], "row": 0}
        for name in ("top_tokens", "top_logprobs"):
            whole[name] = whole.get(name, [])
            alone[name] = alone.get(name, [])
        assert alone == whole


def test_batches_and_draws_change_nothing(lmsample, files):
    (files / "b.json").write_text('[null, {"3": 2}, {}, {"5": -1}, null]')
    np.save(files / "m.npy", np.random.default_rng(1).random((ROWS, V)) < 0.5)
    options = ["sample", "-l", "x.npy", "-f", "json", "--history", "h.json", "--bias", "b.json",
               "--mask", "m.npy", "--repetition-penalty", 1.2, "--top-logprobs", 3,
               "--details=ranks,entropy", "--draws", 3]
    whole = lmsample(*options).out
    assert lmsample(*options, "--batch", 1).out == whole
    assert lmsample(*options, "--batch", 3).out == whole
    first = [{**row, "tokens": row["tokens"][:1], "ranks": row["ranks"][:1]}
             for row in json.loads(whole)]
    assert json.loads(lmsample(*options, "--draws", 1).out) == first


# --- What comes back ---------------------------------------------------------------------------


def test_sides_are_members(lmsample, files):
    names = ["logprobs", "raw-logprobs", "edited-logprobs", "ranks", "raw-ranks", "entropy",
             "raw-entropy", "kept"]
    options = [word for name in names for word in (f"--{name}", f"{name}.npy")]
    out = lmsample("sample", "-l", "x.npy", "-f", "json", "--details=all", "--banned", "1,2", "-k",
                   9, "--draws", 2, *options).out
    for row in json.loads(out):
        for name in names:
            array = np.load(files / f"{name}.npy")
            is_of_row = name in ("entropy", "raw-entropy", "kept")
            assert array.shape == ((ROWS,) if is_of_row else (ROWS, 2))
            assert array.dtype == ("int32" if name in ("ranks", "raw-ranks", "kept") else "float32")
            expected = np.float32(row[name.replace("-", "_")])
            np.testing.assert_array_equal(np.float32(array[row["row"]]), expected)
            if name.endswith("ranks"):
                logits = banned([1, 2]) if name == "ranks" else X
                chosen = logits[row["row"], row["tokens"]]
                ranks = (logits[row["row"]] >= chosen[:, None]).sum(axis=1)
                assert ranks.tolist() == array[row["row"]].tolist()


@pytest.mark.parametrize("of", ["raw", "edited", "processed"])
def test_best_tokens(lmsample, files, of):
    out = lmsample("sample", "-l", "x.npy", "-f", "json", "--top-logprobs", 4, "--logprobs-of", of,
                   "--banned", "7,8", "-k", 3).out
    logits = X if of == "raw" else banned([7, 8])
    for row, values in zip(json.loads(out), logits):
        order = np.argsort(-values, kind="stable")[:3 if of == "processed" else 4]
        assert row["top_tokens"] == order.tolist()
        expected = log_softmax(values[order] if of == "processed" else values)
        np.testing.assert_allclose(row["top_logprobs"],
                                   expected if of == "processed" else expected[order], atol=2e-5)


def test_targets(lmsample, files):
    """Tokens that were drawn are told of as when they were drawn."""
    options = ["sample", "-l", "x.npy", "-t", 0.7, "--banned", "1,2", "-f", "json",
               "--details=all"]
    drawn = json.loads(lmsample(*options).out)
    tokens = [row["tokens"][0] for row in drawn]
    np.save(files / "t.npy", np.array(tokens, np.int64))
    (files / "t.json").write_text(json.dumps(tokens))
    told = [{name: value for name, value in row.items() if name != "seed"} for row in drawn]
    for name in ("t.npy", "t.json"):
        assert json.loads(lmsample(*options, "--target", name, "-s", 99).out) == told
    one = json.loads(lmsample(*options, "--target", 2).out)
    assert [row["tokens"] for row in one] == [[2]] * ROWS
    assert [row["edited_logprobs"] for row in one] == [[None]] * ROWS


def test_a_row_without_a_token_is_told(lmsample, files):
    (files / "r.json").write_text("[[1], [2], [], [3], [4]]")
    result = lmsample("sample", "-l", "x.npy", "--allowed", "r.json", status=1)
    assert result.out == "1\n2\n-1\n3\n4\n"
    assert "1 of 5 rows have no token, the first is row 2" in result.err
    assert "banned" in result.err


# --- Refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options, parts", [
    (["--penalties", "VLLM"], ["--penalties", '"VLLM"', "sglang or mlc"]),
    (["--repetition-penalty", 0], ["--repetition-penalty", '"0"', "2^-24 to 2^24"]),
    (["--frequency-penalty", "inf"], ["--frequency-penalty", '"inf"', "finite"]),
    (["--min-tokens", -1], ["--min-tokens", '"-1"', "whole number"]),
    (["--dry-base", 0.5], ["--dry-base", '"0.5"', "from 1"]),
    (["--force", V], ["force", "is 50", "0 to 49"]),
    (["--target", V], ["target", "is 50", "0 to 49"]),
    (["--target", "x"], ["--target", '"x"', ".json or .npy"]),
    (["--banned", "1,50"], ["--banned", '"50"', "0 to 49"]),
    (["--banned", "1,,2"], ["--banned", '""', "commas"]),
    (["--bias", "b.txt"], ["--bias", "b.txt", ".json or .csv"]),
    (["--bad-words", "1,2"], ["--bad-words", '"1,2"', ".json"]),
    (["--top-logprobs", 3], ["--top-logprobs", "--format json"]),
    (["--top-logprobs", 1025, "-f", "json"], ["--top-logprobs", '"1025"', "1024"]),
    (["--logprobs-of", "cooked"], ["--logprobs-of", '"cooked"', "processed"]),
    (["--details=all,x", "-f", "json"], ["--details", '"all,x"', "raw_ranks"]),
    (["--details=ranks"], ["--details", "--format json"]),
    (["--repetition-penalty", 2], ["need --history"]),
    (["--min-tokens", 2], ["need --end-tokens"]),
    (["--guidance", 2], ["needs --unconditional"]),
])
def test_wrong_options(fails, files, options, parts):
    fails(2, parts, "sample", "-l", "x.npy", *options)


@pytest.mark.parametrize("option, name, content, parts", [
    ("--bias", "b.json", "[1]", ["b.json: row 0: is 1", "an object of tokens and numbers"]),
    ("--bias", "b.json", '{"50": 1}', ["b.json: row 0", '"50" is no token, 0 to 49']),
    ("--bias", "b.json", '{"5": "x"}', ["b.json: row 0", '"5"', "a number"]),
    ("--bias", "b.json", "[{}, {}]", ["b.json: has 2 rows, must have 1 or the 5"]),
    ("--bias", "b.json", '{"5": }', ["b.json: line 1, column 7: is no JSON"]),
    ("--bias", "b.csv", "", ["b.csv: is empty"]),
    ("--bias", "b.csv", "id,bias\n", ['b.csv: line 1: begins with "id"', "token,value"]),
    ("--bias", "b.csv", "token,value\n5,1\n50,1\n", ["b.csv: line 3: token", '"50"', "0 to 49"]),
    ("--bias", "b.csv", "token,value\n5,nan\n", ["b.csv: line 2: value", '"nan"', "a number"]),
    ("--bias", "b.csv", "token,value\n5\n", ["b.csv: line 2: has 1 cells, must have 2"]),
    ("--bias", "b.csv", "row,token,value\n3,5,1\n2,5,1\n", ["line 3: row", '"2"', "3 to 4"]),
    ("--banned", "b.json", "[[1], [2]]", ["b.json: has 2 rows, must have 1 or the 5"]),
    ("--banned", "b.json", "[1, 50]", ["b.json: row 0, entry 1: is 50", "0 to 49"]),
    ("--banned", "b.json", "[1.5]", ["row 0, entry 0: is 1.5"]),
    ("--banned", "b.json", '"1"', ['b.json: row 0: is "1"', "an array of tokens"]),
    ("--bad-words", "b.json", "[[1], []]", ["row 0, sequence 1: is []", "at least one token"]),
    ("--bad-words", "b.json", "[1, 2]", ["row 0, sequence 0: is 1", "an array of tokens"]),
    ("--history", "h.jsonl", "[1]\n[2\n", ["h.jsonl: line 2", "no JSON"]),
    ("--history", "h.json", '{"input": []}', ["h.json: row 0", '"prompt" and "output"']),
    ("--history", "h.json", '{"prompt": 3}', ["h.json: row 0, prompt: is 3", "an array"]),
    ("--target", "t.json", "[1, 2]", ["t.json: has 2 tokens, must have 1 or the 5"]),
    ("--bias", "no.json", None, ["no.json: cannot open"]),
    ("--params", "p.json", '[{"force": 50}, {}, {}, {}, {}]', ["p.json: row 0: force: is 50"]),
    ("--params", "p.json", '{"ignore_end": 1}', ['"ignore_end" is 1', "true or false"]),
    ("--params", "p.json", '{"min_tokens": true}', ['"min_tokens" is true', "a number"]),
    ("--params", "p.json", '{"max_tokens": 1}', ['"max_tokens" is no field', "min_tokens"]),
    ("--params", "p.csv", "ignore_end\nyes\n", ["row 0 (line 2)", '"yes"', "true or false"]),
    ("--params", "p.json", '{"presence_penalty": 1}', ["p.json: row 0", "need --history"]),
])
def test_wrong_files(fails, files, option, name, content, parts):
    if content is not None:
        (files / name).write_text(content)
    fails(3, parts, "sample", "-l", "x.npy", option, name)


@pytest.mark.parametrize("option, array, parts", [
    ("--mask", np.zeros((2, 2), np.int32), ["has 2 rows, must have 1 or the 5"]),
    ("--mask", np.zeros((5, V), np.float32), ["holds 'f4'", "int32 or uint32", "uint8 or bool"]),
    ("--mask", np.zeros((5, 2, 2), bool), ["has 3 dimensions"]),
    ("--mask", np.asfortranarray(np.zeros((5, V), bool)), ["fortran_order"]),
    ("--target", np.array([1, 2, 3, 4, V]), ["row 4: is 50", "0 to 49"]),
    ("--target", np.array([1, 2, 3, 4, -1]), ["row 4: is -1", "0 to 49"]),
    ("--target", np.array([1, 2, 3, -4, 5], np.int32), ["row 3: is -4", "0 to 49"]),
    ("--target", np.array([1, 2, 3, -4, 5], ">i2"), ["row 3: is -4", "0 to 49"]),
    ("--target", np.array([1, 2, 3, 255, 5], np.uint8), ["row 3: is 255", "0 to 49"]),
    ("--target", np.zeros(5, np.float32), ["holds 'f4'", "integers"]),
    ("--unconditional", np.zeros((2, V), np.float32), ["has 2 rows", "must have 1 row or 5"]),
    ("--unconditional", np.zeros((5, V - 1), np.float32), ["of 49 logits", "of 50 logits"]),
    ("--unconditional", np.zeros((5, V), np.float16), ["of 2 bytes", "of 4 bytes"]),
])
def test_wrong_arrays(fails, files, option, array, parts):
    np.save(files / "a.npy", array)
    fails(3, ["a.npy", *parts], "sample", "-l", "x.npy", option, "a.npy")


def test_files_that_are_written_are_not_read(fails, files):
    np.save(files / "m.npy", np.ones((ROWS, V), bool))
    fails(2, ["--mask", "--ranks"], "sample", "-l", "x.npy", "--mask", "m.npy", "--ranks", "m.npy")
