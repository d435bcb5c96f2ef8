"""lmsample explain: its numbers against float64, its layout, its drawing."""

import fcntl
import io
import json
import os
import pathlib
import re
import struct
import subprocess
import termios
import unicodedata
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from conftest import PROGRAM, open_terminal, read_terminal, row_seed

HERE = pathlib.Path(__file__).parent
UTF8 = {**os.environ, "LC_ALL": "C.UTF-8"}
ASCII = {**os.environ, "LC_ALL": "C"}
UNIT = 2.0 ** -29  # of a token's weight (specification, section 3)
SLACK = 2.0 ** -20  # of a threshold (specification, section 11)

# The order in which each stack applies its filters.
ORDERS = {
    "vllm": ["temperature", "min-p", "top-k", "top-p"],
    "hugging-face": ["temperature", "top-k", "top-p", "min-p"],
    "llama.cpp": ["top-k", "top-p", "min-p", "temperature"],
    "joint": ["temperature", "top-k", "top-p", "min-p"],
    "top-p-whole-row": ["temperature", "min-p", "top-k", "top-p"],
    "temperature-last": ["min-p", "top-k", "top-p", "temperature"],
    "min-p-last": ["temperature", "top-k", "top-p", "min-p"],
    "top-k-ties": ["temperature", "min-p", "top-k", "top-p"],
}
PRESETS = list(ORDERS)
TIES = {"hugging-face", "top-k-ties"}
WHOLE_ROW = {"joint", "top-p-whole-row"}


def ranks_of(logits):
    """Tokens by logit descending, id ascending; NaN and -inf last."""
    values = logits.astype(np.float64)
    dead = np.isnan(values) | (values == -np.inf)
    return np.lexsort((np.arange(len(values)), -np.where(dead, -np.inf, values), dead)), dead


def softmax(values, kept):
    """Probabilities by rank of the first `kept` values by rank."""
    out = np.zeros(len(values))
    if np.isposinf(values[0]):
        out[:kept] = np.isposinf(values[:kept])
    else:
        out[:kept] = np.exp(values[:kept] - values[0])
    return out / out.sum()


def kept_by(name, parameter, preset, probs, base, values, kept):
    """The least and the most tokens that a filter may keep of the first `kept`."""
    if name == "top-k":
        count = min(parameter, kept)
        if preset in TIES:
            count = int(np.sum(values[:kept] >= values[count - 1]))
        return count, count
    if name == "top-p":
        before = np.concatenate([[0], np.cumsum(base)[:-1]])
        counts = [int(np.sum(before[:kept] < p)) for p in (parameter - SLACK, parameter + SLACK)]
        return max(counts[0], 1), max(counts[1], 1)
    slack = 1 + 1e-6
    return tuple(max(1, int(np.sum(probs[:kept] >= parameter * probs[0] * factor)))
                 for factor in (slack, 1 / slack))


def check_stages(told, logits, preset, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0):
    """Follows the chain in float64 and compares every stage, then every token that is shown."""
    order, dead = ranks_of(logits)
    values = logits.astype(np.float64)[order]
    live = int(np.sum(~dead))
    active = {"temperature": np.float32(temperature) if temperature != 1 else None,
              "top-k": top_k if 0 < top_k < len(logits) else None,
              "top-p": float(np.float32(top_p)) if top_p < 1 else None,
              "min-p": float(np.float32(min_p)) if min_p > 0 else None}
    scale, kept = 1.0, live
    by_stage = [softmax(values, live)]
    stages = iter(told["stages"])
    first = next(stages)
    assert (first["stage"], first["kept"], first["removed"]) == ("softmax", live, 0)
    check_entropy(first, by_stage[0])
    for name in ORDERS[preset]:
        if active[name] is None:
            continue
        stage = next(stages)
        assert stage["stage"] == name
        before = by_stage[-1]
        if name == "temperature":
            scale = float(active[name])
            assert stage["kept"] == kept
        else:
            base = softmax(values / scale, live) if preset in WHOLE_ROW else before
            least, most = kept_by(name, active[name], preset, before, base, values, kept)
            assert least <= stage["kept"] <= most, (preset, name)
            assert stage["removed"] == kept - stage["kept"]
            lost = before[stage["kept"]:kept].sum()
            assert stage["removed_probability"] == pytest.approx(lost, abs=3e-6)
            if name == "min-p":
                assert stage["threshold"] == pytest.approx(active[name] * before[0], rel=1e-5)
            if name == "top-p":
                reached = base[:stage["kept"]].sum()
                assert stage["reached"] == pytest.approx(reached, abs=3e-6)
            else:
                least_kept = before[stage["kept"] - 1]
                assert stage["least_kept"] == pytest.approx(least_kept, rel=1e-5, abs=UNIT)
            kept = stage["kept"]
        by_stage.append(softmax(values / scale, kept))
        check_entropy(stage, by_stage[-1])
    assert next(stages, None) is None
    check_tokens(told, order, values, by_stage, live)


def check_entropy(stage, probs):
    positive = probs[probs > 0]
    entropy = -np.sum(positive * np.log(positive))
    assert stage["entropy"] == pytest.approx(entropy, abs=2e-5)
    assert stage["choices"] == pytest.approx(np.exp(entropy), rel=2e-5)


def check_tokens(told, order, values, by_stage, live):
    counts = [stage["kept"] for stage in told["stages"]]
    names = [stage["stage"] for stage in told["stages"]]
    for token in told["tokens"]:
        rank = token["rank"] - 1
        assert token["id"] == order[rank]
        assert float(token["logit"]) == pytest.approx(values[rank], rel=1e-7, nan_ok=True)
        expected = [probs[rank] for probs in by_stage]
        assert token["by_stage"] == pytest.approx(expected, rel=1e-5, abs=UNIT)
        assert token["before"] == token["by_stage"][0]
        assert token["after"] == token["by_stage"][-1]
        assert token["before_sum"] == pytest.approx(by_stage[0][:rank + 1].sum(), abs=3e-6)
        assert token["after_sum"] == pytest.approx(by_stage[-1][:rank + 1].sum(), abs=3e-6)
        remover = next((n for n, c in zip(names[1:], counts[1:]) if rank >= c), None)
        assert token["removed_by"] == ("never" if rank >= live else remover)


def options_of(parameters):
    return [word for name, value in parameters.items()
            for word in ("--" + name.replace("_", "-"), value)]


def explain(lmsample, logits, *options, status=0):
    """The JSON of one row."""
    np.save(io_file := io.BytesIO(), logits)
    done = lmsample("explain", "--logits", "-", "--format", "json", *options,
                    input=io_file.getvalue(), status=status)
    return json.loads(done.out)


PARAMETERS = [
    {"temperature": 0.7, "top_k": 40, "top_p": 0.9, "min_p": 0.02},
    {"temperature": 1.6, "top_k": 9, "top_p": 0.6, "min_p": 0.3},
    {"top_p": 0.95, "min_p": 0.05},
    {"temperature": 0.5, "top_k": 200, "top_p": 0.999},
]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("parameters", PARAMETERS, ids=range(len(PARAMETERS)))
def test_stages_are_those_of_float64(lmsample, preset, parameters):
    random = np.random.default_rng(PARAMETERS.index(parameters) + 10)
    rows = [random.standard_normal(1000) * 3,
            np.round(random.standard_normal(1000) * 4) / 2,  # many ties
            random.gumbel(size=517) * 2]
    rows[2][random.integers(0, 517, 30)] = -np.inf
    rows[2][random.integers(0, 517, 5)] = np.nan
    for row in rows:
        row = row.astype(np.float32)
        told = explain(lmsample, row, "--preset", preset, *options_of(parameters))
        check_stages(told, row, preset, **parameters)


def test_16_bit_logits(lmsample):
    random = np.random.default_rng(5)
    row = (random.standard_normal(400) * 3).astype(np.float16)
    row[:4] = [np.inf * -1, 6e-8, -6e-8, 65504 / 9000]
    told = explain(lmsample, row, "--top-k", 30, "--top-p", 0.8)
    check_stages(told, row.astype(np.float32), "vllm", top_k=30, top_p=0.8)
    small = np.array([0x8001, 0x0001, 0x03ff, 0x83ff, 0x0400, 0, 0x8000, 0xfc00, 0x7e00, 0x7bff],
                     np.uint16).view(np.float16)
    check_stages(explain(lmsample, small), small.astype(np.float32), "vllm")
    bits = (random.standard_normal(400) * 3).astype(np.float32).view(np.uint32) >> 16
    told = explain(lmsample, bits.astype(np.uint16), "--bfloat16", "--top-p", 0.7)
    check_stages(told, (bits << 16).astype(np.uint32).view(np.float32), "vllm", top_p=0.7)


def test_row_of_many(lmsample, tmp_path):
    rows = np.random.default_rng(2).standard_normal((5000, 64)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    for number in (0, 4999, 1234):
        told = json.loads(lmsample("explain", "--logits", "rows.npy", "--row", number, "--top-p",
                                   0.5, "--format", "json").out)
        assert told["source"] == {"logits": "rows.npy", "row": number}
        check_stages(told, rows[number], "vllm", top_p=0.5)


def test_greedy(lmsample):
    row = np.array([1, 3, 3, 2], np.float32)
    for words in (["--temperature", 0], ["--top-p", 0]):
        told = explain(lmsample, row, *words)
        assert [s["stage"] for s in told["stages"]] == ["softmax", "greedy"]
        assert told["stages"][1]["kept"] == 1
        assert told["drawn"]["id"] == 1 and told["tokens"][0]["after"] == 1


def test_infinities(lmsample):
    row = np.array([0, np.inf, 2, np.inf, np.nan, -np.inf], np.float32)
    told = explain(lmsample, row, "--top-k", 3)
    assert (told["never"], told["nan"], told["inf"]) == (2, 1, 2)
    assert [t["id"] for t in told["tokens"]] == [1, 3, 2, 0, 4, 5]
    assert [t["before"] for t in told["tokens"]] == [0.5, 0.5, 0, 0, 0, 0]
    assert [t["logit"] for t in told["tokens"]] == ["inf", "inf", 2, 0, "nan", "-inf"]
    assert told["drawn"]["id"] in (1, 3)


def test_the_drawn_token_is_that_of_the_seed(lmsample, tmp_path):
    row = np.zeros(50, np.float32)
    drawn = [explain(lmsample, row, "--seed", seed)["drawn"]["id"] for seed in range(12)]
    assert len(set(drawn)) > 6
    rows = np.zeros((4, 50), np.float32)
    np.save(tmp_path / "rows.npy", rows)
    sampled = lmsample("sample", "-l", "rows.npy", "--seed", 5).out.split()
    for number in range(4):
        told = json.loads(lmsample("explain", "--logits", "rows.npy", "--row", number, "--seed", 5,
                                   "--format", "json").out)
        assert str(told["drawn"]["id"]) == sampled[number]
        assert told["parameters"]["seed"] == 5
        assert told["parameters"]["row_seed"] == row_seed(5, number)
    text = lmsample("explain", "--logits", "rows.npy", "--row", 3, "--seed", 5, env=UTF8).out
    assert "by seed 5, row 3, step 0\n" in text
    again = explain(lmsample, row, "--seed", 2**64 - 1, "--step", 2**64 - 2)
    assert again["parameters"]["seed"] == again["parameters"]["step"] + 1 == 2**64 - 1


def test_what_is_shown_around_cuts(lmsample):
    row = -np.log(np.arange(1, 20001)).astype(np.float32)
    told = explain(lmsample, row, "--top-p", 0.9, "--top-k", 15000, "--top", 7)
    kept = {s["stage"]: s["kept"] for s in told["stages"]}
    near = [r for cut in (kept["top-p"], kept["top-k"]) for r in range(cut - 1, cut + 3)]
    assert [t["rank"] for t in told["tokens"]] == [*range(1, 8), *near]
    assert 1000 < kept["top-p"] < kept["top-k"] == 15000


# --- Text ------------------------------------------------------------------------------------


def columns(line):
    wide = {"W": 2, "F": 2}
    return sum(0 if unicodedata.combining(c) or c == "\u200e" else
               wide.get(unicodedata.east_asian_width(c), 1) for c in line)


def test_text_fits_80_columns(lmsample, tmp_path):
    random = np.random.default_rng(8)
    rows = np.stack([random.standard_normal(131072) * 2, np.zeros(131072),
                     np.r_[60, np.zeros(131071)]]).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    texts = [chr(0x4e00 + i % 9000) * (i % 30 + 1) for i in range(131072)]
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    for environment in (UTF8, ASCII):
        odd = lmsample("explain", "--logits", "rows.npy", "-t", 1.23456e-9, "--top-k", 131071,
                       "--top-p", 0.987654, "--min-p", 1.23456e-30, "--preset",
                       "temperature-last+min-p-last+top-p-whole-row+top-k-ties", env=environment)
        assert [line for line in odd.out.splitlines() if columns(line) > 80] == []
        for row in range(3):
            for texts in ([], ["--vocabulary", "texts.json"]):
                out = lmsample("explain", "--logits", "rows.npy", "--row", row, *texts, "-t", 0.83,
                               "--top-k", 120000, "--top-p", 0.97, "--min-p", 0.0123, "--preset",
                               "hugging-face", "--seed", 2**64 - 1 - row, "--step", row,
                               env=environment).out
                assert [line for line in out.splitlines() if columns(line) > 80] == []
                assert not any(line.endswith(" ") for line in out.splitlines())
                assert "\x1b" not in out
                if environment is ASCII:
                    assert out.isascii()


def test_cut_lines_stand_at_their_ranks(lmsample, tmp_path):
    row = np.random.default_rng(4).standard_normal(3000).astype(np.float32) * 2
    np.save(tmp_path / "row.npy", row)
    words = ["explain", "--logits", "row.npy", "--top-k", 400, "--top-p", 0.7, "--min-p", 0.01]
    told = json.loads(lmsample(*words, "--format", "json").out)
    lines = lmsample(*words, env=UTF8).out.splitlines()
    cuts = {s["label"]: s["kept"] for s in told["stages"] if s["removed"] > 0}
    assert len(cuts) >= 2
    for label, kept in cuts.items():
        place = next(i for i, line in enumerate(lines) if line.startswith(f"──── {label} keeps "))
        assert f" keeps {kept}, removes " in lines[place]
        assert lines[place - 1].split()[0] == str(kept)
        assert lines[place + 1].split()[0] == str(kept + 1)
    shown = [int(m[1]) for line in lines if (m := re.match(r" *(\d+) +\d+ +[\d.<]+% ", line))]
    left_out = [int(m[1]) for line in lines if (m := re.match(r" *⋮ (\d+) more tokens", line))]
    assert shown == [t["rank"] for t in told["tokens"]]
    assert len(shown) + sum(left_out) == 3000


def test_text_says_what_the_numbers_are(lmsample, tmp_path):
    np.save(tmp_path / "row.npy", np.log(np.array([50, 25, 15, 8, 2], np.float32)))
    out = lmsample("explain", "--logits", "row.npy", "--min-p", 0.2, "--top-p", 0.7,
                   env=UTF8).out
    assert out.splitlines()[0] == "row.npy (5 tokens)"
    assert out.splitlines()[1] == "temperature 1, top-p 0.7, min-p 0.2"
    assert re.search(r"^softmax +5 ", out, re.M)
    assert re.search(r"^min-p 0.2 +3 +2 +10.0% +2.67  below 0.2 × 50.0% = 10.0%$", out, re.M)
    assert re.search(r"^top-p 0.7 +2 +1 +16.7% +1.89  2 reach 83.3%$", out, re.M)
    assert re.search(r"^ +1  0 +50.00% +50.00% █+[▏▎▍▌▋▊▉]? +66.67% █+$", out, re.M)
    assert re.search(r"^ +3  2 +15.00% +90.00% █*[▏▎▍▌▋▊▉]? +top-p$", out, re.M)
    assert re.search(r"^ +5  4 +2.00% +100.00% .? +min-p$", out, re.M)
    assert "entropy   1.26 → 0.64 nats, as of 3.52 → 1.89 equally probable tokens" in out


def test_bars_are_in_proportion(lmsample, tmp_path):
    np.save(tmp_path / "row.npy", np.log(np.array([8, 4, 2, 1, 1], np.float32)))
    out = lmsample("explain", "--logits", "row.npy", env=ASCII).out
    bars = [len(line.split()[4]) for line in out.splitlines() if re.match(r" +[1-5] ", line)]
    assert bars[0] >= 20 and bars[1] == round(bars[0] / 2) and abs(bars[2] - bars[0] / 4) <= 0.5


def run_on_terminal(tmp_path, wide, environment):
    """What the program writes to a terminal of that width."""
    master, slave = open_terminal()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, wide, 0, 0))
    process = subprocess.Popen([PROGRAM, "explain", "--logits", "row.npy", "--top-p", "0.5"],
                               stdout=slave, cwd=tmp_path, env={**UTF8, **environment})
    os.close(slave)
    data = read_terminal(master)
    assert process.wait() == 0
    return data.decode()


def test_terminals_width_and_colors(tmp_path):
    np.save(tmp_path / "row.npy", np.random.default_rng(1).standard_normal(100).astype("f4"))
    plain = {"TERM": "xterm", "NO_COLOR": ""}
    for wide, widest in ((40, 80), (80, 80), (132, 132), (300, 160)):
        out = run_on_terminal(tmp_path, wide, plain)
        assert "\x1b[" in out
        lines = re.sub(r"\x1b\[[0-9;]*m", "", out).splitlines()
        assert max(columns(line) for line in lines) == widest
    for environment in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb", "NO_COLOR": ""}):
        assert "\x1b" not in run_on_terminal(tmp_path, 80, environment)


def test_color_option(lmsample, tmp_path):
    np.save(tmp_path / "row.npy", np.zeros(10, np.float32))
    words = ["explain", "--logits", "row.npy", "--top-k", 3]
    colored = lmsample(*words, "--color", "always", env=UTF8).out
    plain = lmsample(*words, "--color", "never", env=UTF8).out
    assert "\x1b[" in colored and re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


# --- The bundled model -----------------------------------------------------------------------

PROMPT = ["explain", "--prompt", "The LORD is my", "--temperature", 0.8, "--top-p", 0.9,
          "--min-p", 0.02]


def test_prompt_gives_the_stored_picture(lmsample):
    assert lmsample(*PROMPT, env=UTF8).out_bytes == (HERE / "explain_prompt.txt").read_bytes()


def test_prompt_and_vocabulary_errors(fails, lmsample):
    fails(2, ["--prompt: is ", " tokens long, must be at most 255"], "explain", "--prompt",
          "begat " * 400)
    assert "what follows \"\"" in lmsample("explain", "--prompt", "", env=UTF8).out
    told = json.loads(lmsample(*PROMPT, "--format", "json").out)
    assert told["source"] == {"prompt": "The LORD is my"}
    assert told["parameters"] == {"temperature": 0.8, "top_k": 0, "top_p": 0.9, "min_p": 0.02,
                                  "flags": [], "seed": 0, "row_seed": 0, "step": 0}
    assert told["tokens"][0]["text"] == " God"


def test_long_prompts_are_cut_at_their_begin(lmsample):
    out = lmsample("explain", "--prompt", "and he said " * 30, env=UTF8).out.splitlines()[0]
    assert columns(out) <= 80 and out.startswith("…") and "and he said \"" in out


# --- Drawings --------------------------------------------------------------------------------


def drawing(path):
    """Its root, its texts and how many cut lines the table has."""
    root = ElementTree.fromstring(path.read_bytes())
    space = "{http://www.w3.org/2000/svg}"
    texts = [text.text or "" for text in root.iter(space + "text")]
    cuts = [line for line in root.iter(space + "line") if line.get("class").startswith("cut")
            and line.get("y1") == line.get("y2")]
    return root, texts, len(cuts)


def test_svg_of_the_model(lmsample, tmp_path):
    lmsample(*PROMPT, "--svg", "picture.svg")
    root, texts, cuts = drawing(tmp_path / "picture.svg")
    assert root.get("width") == "960" and cuts == 2
    for text in ("\" God\"", "\" strength\"", "min-p 0.02", "top-p 0.9", "42.79%",
                 "what follows \"The LORD is my\"",
                 "drawn: rank 1, token 387, by seed 0, step 0"):
        assert text in texts
    shown = HERE.parents[1] / "docs" / "pictures" / "explain.svg"  # on the page and in README
    assert (tmp_path / "picture.svg").read_bytes() == shown.read_bytes()
    on_stdout = lmsample(*PROMPT, "--svg", "-").out_bytes
    assert on_stdout == (tmp_path / "picture.svg").read_bytes()


def test_svg_takes_any_text(lmsample, tmp_path):
    hostile = ["<script>alert(1)</script>", "a&b", "\"'>", "]]>", "\x00\x01\x1b[2J", "\ufffe",
               "\uffff", "\U0001f600", "\u202e", "   ", "日本語", "שלום", "&amp;", "<!--"]
    (tmp_path / "texts.json").write_text(json.dumps(hostile))
    np.save(tmp_path / "row.npy", np.zeros(14, np.float32))
    lmsample("explain", "--logits", "row.npy", "--vocabulary", "texts.json", "--svg", "p.svg",
             "--top-k", 3)
    root, texts, cuts = drawing(tmp_path / "p.svg")
    shown = [text.replace("\u200e", "") for text in texts]
    for text in ("\"a&b\"", "\"\"'>\"", "\"]]>\"", "\"\\ufffe\"", "\"\U0001f600\"", "\"   \"",
                 "\"日本語\"", "\"שלום\"", "\"&amp;\"", "\"<!--\"", "\"\\u202e\""):
        assert text in shown
    assert cuts == 1 and not any(element.tag.endswith("script") for element in root.iter())


@pytest.mark.parametrize("row", [
    [0.0], [np.nan] * 5, [-np.inf] * 3, [np.inf, 1, 2], [500, 0, 0, 0], [0] * 70000])
def test_svg_of_odd_rows(lmsample, tmp_path, row):
    np.save(tmp_path / "row.npy", np.array(row, np.float32))
    empty = not np.any(np.array(row) > -np.inf)
    lmsample("explain", "--logits", "row.npy", "--top-p", 0.5, "--svg", "p.svg",
             status=1 if empty else 0)
    _, texts, _ = drawing(tmp_path / "p.svg")
    assert any("No token can be drawn" in text for text in texts) == empty
    assert "nan" not in "".join(texts).lower().replace("nan and", "")


# --- What can go wrong -----------------------------------------------------------------------


def test_a_row_without_a_token(lmsample, tmp_path):
    np.save(tmp_path / "rows.npy", np.array([[1, 2], [np.nan, -np.inf]], np.float32))
    done = lmsample("explain", "--logits", "rows.npy", "--row", 1, status=1)
    assert done.err == ("lmsample explain: row 1 of rows.npy: no token can be drawn, each of the "
                        "2 logits is NaN or -inf\n")
    assert "No token can be drawn: of 2 logits 1 are NaN and 1 -inf." in done.out
    told = json.loads(lmsample("explain", "--logits", "rows.npy", "--row", 1, "--format", "json",
                               status=1).out)
    assert told["drawn"] is None and told["stages"][0]["kept"] == 0


@pytest.mark.parametrize("status, parts, words", [
    (2, "--logits or --prompt is missing", []),
    (2, ["--logits and --prompt", "only one"], ["--logits", "a", "--prompt", "b"]),
    (2, ["--vocabulary", "not for --prompt"], ["--prompt", "a", "--vocabulary", "v"]),
    (2, ["--row", "not for --prompt"], ["--prompt", "a", "--row", "0"]),
    (2, ["--bfloat16", "not for --prompt"], ["--prompt", "a", "--bfloat16"]),
    (2, ["--model", "not for --logits"], ["--logits", "a", "--model", "b"]),
    (2, ["--svg: is", "--output", "\"x\""], ["--prompt", "a", "--svg", "x", "--output", "x"]),
    (2, ["--top", "\"0\""], ["--logits", "a", "--top", "0"]),
    (2, ["--row", "\"-1\""], ["--logits", "a", "--row=-1"]),
    (2, ["--format", "\"xml\"", "text|json"], ["--logits", "a", "--format", "xml"]),
    (2, ["--color", "\"blue\"", "auto|always|never"], ["--logits", "a", "--color", "blue"]),
    (2, ["\"more\""], ["--logits", "a", "more"]),
    (2, ["--top-p", "\"2\""], ["--logits", "a", "--top-p", "2"]),
    (2, ["--row: is 3, must be from 0 to 1, the last row of rows.npy"],
     ["--logits", "rows.npy", "--row", "3"]),
    (3, ["no rows", "none.npy"], ["--logits", "none.npy"]),
    (3, ["missing.npy"], ["--logits", "missing.npy"]),
    (3, ["missing.json"], ["--logits", "rows.npy", "--vocabulary", "missing.json"]),
    (3, ["nowhere"], ["--prompt", "a", "--model", "nowhere"]),
    (4, ["no such thing"], ["--logits", "rows.npy", "--device", "no such thing"]),
    (5, ["nowhere/a.svg"], ["--logits", "rows.npy", "--svg", "nowhere/a.svg"]),
    (5, ["nowhere/a.txt"], ["--logits", "rows.npy", "--output", "nowhere/a.txt"]),
])
def test_errors(fails, tmp_path, status, parts, words):
    np.save(tmp_path / "rows.npy", np.zeros((2, 4), np.float32))
    np.save(tmp_path / "none.npy", np.zeros((0, 4), np.float32))
    fails(status, parts, "explain", *words)


def test_output_file(lmsample, tmp_path):
    np.save(tmp_path / "row.npy", np.zeros(9, np.float32))
    direct = lmsample("explain", "--logits", "row.npy").out_bytes
    assert lmsample("explain", "--logits", "row.npy", "--output", "a.txt").out == ""
    assert (tmp_path / "a.txt").read_bytes() == direct
