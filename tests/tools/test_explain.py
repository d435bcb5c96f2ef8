"""explain: its numbers against float64, its layout, its drawing."""

import io
import json
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from rich.cells import cell_len

import lmsample
import lmsample.tools
from lmsample import row_seed

from conftest import needs_model, needs_pixels

HERE = pathlib.Path(__file__).parent
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


def explain(tool, logits, *options, status=0):
    """The JSON of one row."""
    np.save(io_file := io.BytesIO(), logits)
    done = tool("explain", "--logits", "-", "--format", "json", *options,
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
def test_stages_are_those_of_float64(tool, preset, parameters):
    random = np.random.default_rng(PARAMETERS.index(parameters) + 10)
    rows = [random.standard_normal(1000) * 3,
            np.round(random.standard_normal(1000) * 4) / 2,  # many ties
            random.gumbel(size=517) * 2]
    rows[2][random.integers(0, 517, 30)] = -np.inf
    rows[2][random.integers(0, 517, 5)] = np.nan
    for row in rows:
        row = row.astype(np.float32)
        told = explain(tool, row, "--preset", preset, *options_of(parameters))
        check_stages(told, row, preset, **parameters)


def test_16_bit_logits(tool):
    random = np.random.default_rng(5)
    row = (random.standard_normal(400) * 3).astype(np.float16)
    row[:4] = [np.inf * -1, 6e-8, -6e-8, 65504 / 9000]
    told = explain(tool, row, "--top-k", 30, "--top-p", 0.8)
    check_stages(told, row.astype(np.float32), "vllm", top_k=30, top_p=0.8)
    small = np.array([0x8001, 0x0001, 0x03ff, 0x83ff, 0x0400, 0, 0x8000, 0xfc00, 0x7e00, 0x7bff],
                     np.uint16).view(np.float16)
    check_stages(explain(tool, small), small.astype(np.float32), "vllm")
    bits = (random.standard_normal(400) * 3).astype(np.float32).view(np.uint32) >> 16
    told = explain(tool, bits.astype(np.uint16), "--bfloat16", "--top-p", 0.7)
    check_stages(told, (bits << 16).astype(np.uint32).view(np.float32), "vllm", top_p=0.7)


@pytest.mark.parametrize("order", ["<u2", ">u2", "<i2", ">i2"])
def test_bfloat16_of_any_byte_order(tool, tmp_path, order):
    words = (np.arange(12, dtype=np.float32).view(np.uint32) >> 16).astype(np.uint16)
    np.save(tmp_path / "row.npy", words.astype(order))
    done = tool("explain", "--logits", "row.npy", "--bfloat16", "--format", "json", "--top", "99")
    assert [token["logit"] for token in json.loads(done.out)["tokens"]] == [*range(11, -1, -1)]


def test_row_of_many(tool, tmp_path):
    rows = np.random.default_rng(2).standard_normal((5000, 64)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    for number in (0, 4999, 1234):
        told = json.loads(tool("explain", "--logits", "rows.npy", "--row", number, "--top-p",
                                   0.5, "--format", "json").out)
        assert told["source"] == {"logits": "rows.npy", "row": number}
        check_stages(told, rows[number], "vllm", top_p=0.5)


def test_greedy(tool):
    row = np.array([1, 3, 3, 2], np.float32)
    for words in (["--temperature", 0], ["--top-p", 0]):
        told = explain(tool, row, *words)
        assert [s["stage"] for s in told["stages"]] == ["softmax", "greedy"]
        assert told["stages"][1]["kept"] == 1
        assert told["drawn"]["id"] == 1 and told["tokens"][0]["after"] == 1


def test_infinities(tool):
    row = np.array([0, np.inf, 2, np.inf, np.nan, -np.inf], np.float32)
    told = explain(tool, row, "--top-k", 3)
    assert (told["never"], told["nan"], told["inf"]) == (2, 1, 2)
    assert [t["id"] for t in told["tokens"]] == [1, 3, 2, 0, 4, 5]
    assert [t["before"] for t in told["tokens"]] == [0.5, 0.5, 0, 0, 0, 0]
    assert [t["logit"] for t in told["tokens"]] == ["inf", "inf", 2, 0, "nan", "-inf"]
    assert told["drawn"]["id"] in (1, 3)


def test_the_drawn_token_is_that_of_the_seed(tool, tmp_path):
    row = np.zeros(50, np.float32)
    drawn = [explain(tool, row, "--seed", seed)["drawn"]["id"] for seed in range(12)]
    assert len(set(drawn)) > 6
    rows = np.zeros((4, 50), np.float32)
    np.save(tmp_path / "rows.npy", rows)
    sampled = lmsample.sample(rows, seed=5)
    for number in range(4):
        told = json.loads(tool("explain", "--logits", "rows.npy", "--row", number, "--seed", 5,
                                   "--format", "json").out)
        assert told["drawn"]["id"] == sampled[number]
        assert told["parameters"]["seed"] == 5
        assert told["parameters"]["row_seed"] == row_seed(5, number)
    text = tool("explain", "--logits", "rows.npy", "--row", 3, "--seed", 5).out
    assert "by seed 5, row 3, step 0\n" in text
    again = explain(tool, row, "--seed", 2**64 - 1, "--step", 2**64 - 2)
    assert again["parameters"]["seed"] == again["parameters"]["step"] + 1 == 2**64 - 1


def test_what_is_shown_around_cuts(tool):
    row = -np.log(np.arange(1, 20001)).astype(np.float32)
    told = explain(tool, row, "--top-p", 0.9, "--top-k", 15000, "--top", 7)
    kept = {s["stage"]: s["kept"] for s in told["stages"]}
    near = [r for cut in (kept["top-p"], kept["top-k"]) for r in range(cut - 1, cut + 3)]
    assert [t["rank"] for t in told["tokens"]] == [*range(1, 8), *near]
    assert 1000 < kept["top-p"] < kept["top-k"] == 15000


# --- Text ------------------------------------------------------------------------------------


def test_text_fits_80_columns(tool, tmp_path):
    random = np.random.default_rng(8)
    rows = np.stack([random.standard_normal(131072) * 2, np.zeros(131072),
                     np.r_[60, np.zeros(131071)]]).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    texts = [chr(0x4e00 + i % 9000) * (i % 30 + 1) for i in range(131072)]
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    odd = ["-t", 1.23456e-9, "--top-k", 131071, "--top-p", 0.987654, "--min-p", 1.23456e-30,
           "--preset", "temperature-last+min-p-last+top-p-whole-row+top-k-ties"]
    usual = ["-t", 0.83, "--top-k", 120000, "--top-p", 0.97, "--min-p", 0.0123]
    for row in range(3):
        for words in ([], odd, usual, [*usual, "--vocabulary", "texts.json"],
                      [*usual, "--setting", "top_p=0.5", "--setting", "min_p=0.3"]):
            out = tool("explain", "--logits", "rows.npy", "--row", row, *words).out
            assert [line for line in out.splitlines() if cell_len(line) > 80] == []
            assert not any(line.endswith(" ") for line in out.splitlines())
            assert "\x1b" not in out
    out = tool("explain", "--logits", "rows.npy", "--rows", "all", *usual).out
    assert [line for line in out.splitlines() if cell_len(line) > 80] == []


def test_a_long_text_leaves_the_seed_to_be_read(tool, tmp_path):
    (tmp_path / "vocab.json").write_text(json.dumps(["x" * 9999] * 5, ensure_ascii=False))
    np.save(tmp_path / "row.npy", np.zeros((2, 5), np.float32))
    words = ["explain", "--logits", "row.npy", "--row", 1, "--vocabulary", "vocab.json", "--seed", 2**53]
    out = tool(*words).out
    assert re.search(r'drawn +"x+…" \(id \d\), rank \d, by seed 9007199254740992, row 1,\nstep 0\n', out)
    assert max(map(cell_len, out.splitlines())) <= 80
    out = tool(*words, "--setting", "top_k=3", "--setting", "top_p=0.5").out
    assert len(re.findall(r'"x+…" \(id \d\)\n', out)) == 2


def test_cut_lines_stand_at_their_ranks(tool, tmp_path):
    row = np.random.default_rng(4).standard_normal(3000).astype(np.float32) * 2
    np.save(tmp_path / "row.npy", row)
    words = ["explain", "--logits", "row.npy", "--top-k", 400, "--top-p", 0.7, "--min-p", 0.01]
    told = json.loads(tool(*words, "--format", "json").out)
    lines = tool(*words).out.splitlines()
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


def test_text_says_what_the_numbers_are(tool, tmp_path):
    np.save(tmp_path / "row.npy", np.log(np.array([50, 25, 15, 8, 2], np.float32)))
    out = tool("explain", "--logits", "row.npy", "--min-p", 0.2, "--top-p", 0.7).out
    assert out.splitlines()[0] == "row.npy (5 tokens)"
    assert out.splitlines()[1] == "top-p 0.7, min-p 0.2"
    assert re.search(r"^softmax +5 ", out, re.M)
    assert re.search(r"^min-p 0.2 +3 +2 +10.0% +2.67 below 0.2 × 50.0% = 10.0%$", out, re.M)
    assert re.search(r"^top-p 0.7 +2 +1 +16.7% +1.89 2 reach 83.3%$", out, re.M)
    assert re.search(r"^ +1  0 +50.00% +50.00% █+[▏▎▍▌▋▊▉]? +66.67% █+$", out, re.M)
    assert re.search(r"^ +3  2 +15.00% +90.00% █*[▏▎▍▌▋▊▉]? +top-p$", out, re.M)
    assert re.search(r"^ +5  4 +2.00% +100.00% .? +min-p$", out, re.M)
    assert "entropy   1.26 → 0.64 nats, as of 3.52 → 1.89 equally probable tokens" in out


def test_bars_are_in_proportion(tool, tmp_path):
    np.save(tmp_path / "row.npy", np.log(np.array([8, 4, 2, 1, 1], np.float32)))
    out = tool("explain", "--logits", "row.npy").out
    bars = [line.split()[4].count("█") for line in out.splitlines() if re.match(r" +[1-5] ", line)]
    assert bars[0] >= 12 and abs(bars[1] - bars[0] / 2) <= 1 and abs(bars[2] - bars[0] / 4) <= 1


def test_color_option(tool, tmp_path):
    np.save(tmp_path / "row.npy", np.zeros(10, np.float32))
    words = ["explain", "--logits", "row.npy", "--top-k", 3]
    colored = tool(*words, "--color", "always").out
    plain = tool(*words, "--color", "never").out
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    assert "\x1b[" in colored
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


# --- Several rows, several settings ----------------------------------------------------------

SETTINGS = ["--setting", "top_p=0.9", "--setting", "min_p=0.05,temperature=0.7", "--setting",
            "temperature=0"]


def test_settings_over_rows(tool, tmp_path):
    """Against explanations of each row, and, of the mass, against float64."""
    rows = (np.random.default_rng(6).standard_normal((7, 900)) * 2).astype(np.float32)
    rows[3, :400] = -np.inf
    rows[4, 5] = np.nan
    np.save(tmp_path / "rows.npy", rows)
    words = ["explain", "--logits", "rows.npy", "--seed", 9, "--format", "json"]
    told = json.loads(tool(*words, "--rows", "6,0-4", *SETTINGS).out)
    assert told["rows"] == [6, 0, 1, 2, 3, 4]
    assert [s["setting"] for s in told["settings"]] == [
        "top-p 0.9", "temperature 0.7, min-p 0.05", "greedy"]
    each = [["--top-p", 0.9], ["--min-p", 0.05, "-t", 0.7], ["-t", 0]]
    for setting, options in zip(told["settings"], each):
        for place, row in enumerate(told["rows"]):
            one = json.loads(tool(*words, "--row", row, *options).out)
            last = one["stages"][-1]
            assert setting["kept"][place] == last["kept"]
            assert setting["entropy"][place] == pytest.approx(last["entropy"], abs=1e-5)
            assert setting["tokens"][place] == one["drawn"]["id"]
            order, dead = ranks_of(rows[row])
            probs = softmax(rows[row].astype(np.float64)[order], int(np.sum(~dead)))
            assert setting["mass"][place] == pytest.approx(probs[:last["kept"]].sum(), abs=1e-6)


def test_settings_of_one_row_stand_beside_each_other(tool, tmp_path):
    np.save(tmp_path / "row.npy", np.log(np.array([50, 25, 15, 8, 2], np.float32)))
    out = tool("explain", "--logits", "row.npy", *SETTINGS).out
    assert "A  top-p 0.9" in out and "C  greedy" in out
    assert re.search(r"^ +3 +2 +15.00% +16.67% █* +\d+.\d\d% █* +greedy$", out, re.M)
    assert re.search(r"^ +5 +4 +2.00% +top-p +min-p +greedy$", out, re.M)


@pytest.mark.parametrize("text, rows", [
    ("all", [0, 1, 2, 3]), ("2", [2]), ("1-2", [1, 2]), ("3,0-1", [3, 0, 1])])
def test_rows_option(tool, tmp_path, text, rows):
    np.save(tmp_path / "rows.npy", np.zeros((4, 3), np.float32))
    words = ["explain", "--logits", "rows.npy", "--rows", text, "--setting", "top_k=1",
             "--setting", "top_k=2", "--format", "json"]
    assert json.loads(tool(*words).out)["rows"] == rows


# --- The bundled model -----------------------------------------------------------------------

PROMPT = ["explain", "--prompt", "The LORD is my", "--temperature", 0.8, "--top-p", 0.9,
          "--min-p", 0.02]


@needs_model
def test_prompt_gives_the_stored_picture(tool):
    assert tool(*PROMPT).out_bytes == (HERE / "explain_prompt.txt").read_bytes()


@needs_model
def test_prompts(fails, tool):
    fails(3, " tokens long, must be at most 256", "explain", "--prompt", "begat " * 400)
    assert 'what follows ""' in tool("explain", "--prompt", "").out
    told = json.loads(tool(*PROMPT, "--format", "json").out)
    assert told["source"] == {"prompt": "The LORD is my"}
    assert told["parameters"] == {"temperature": 0.8, "top_k": 0, "top_p": 0.9, "min_p": 0.02,
                                  "flags": [], "seed": 0, "row_seed": 0, "step": 0}
    assert told["tokens"][0]["text"] == " God"


@needs_model
def test_svg_of_the_model_is_the_stored_picture(tool):
    stored = HERE.parents[1] / "docs/pictures/explain.svg"
    assert tool(*PROMPT, "--svg", "-").out_bytes == stored.read_bytes()


# --- Drawings --------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"


def drawing(data):
    """Its root and its texts."""
    root = ElementTree.fromstring(data)
    return root, [text.text or "" for text in root.iter(SVG + "text")]


def test_svg_takes_any_text(tool, tmp_path):
    hostile = ["<script>alert(1)</script>", "a&b", "\"'>", "]]>", "\x00\x01\x1b[2J", "\ufffe",
               "\uffff", "\U0001f600", "\u202e", "   ", "日本語", "שלום", "&amp;", "<!--"]
    (tmp_path / "texts.json").write_text(json.dumps(hostile))
    np.save(tmp_path / "row.npy", np.zeros(14, np.float32))
    tool("explain", "--logits", "row.npy", "--vocabulary", "texts.json", "--svg", "p.svg",
         "--html", "p.html", "--top-k", 3)
    root, texts = drawing((tmp_path / "p.svg").read_bytes())
    shown = [text.replace("\u200e", "") for text in texts]
    for text in ('"a&b"', "\"\"'>\"", '"]]>"', '"\\ufffe"', '"\U0001f600"', '"   "', '"日本語"',
                 '"שלום"', '"&amp;"', '"<!--"', '"\\u202e"'):
        assert text in shown
    assert not any(element.tag.endswith("script") for element in root.iter())
    assert "<script>alert" not in (tmp_path / "p.html").read_text("utf-8")


@pytest.mark.parametrize("row", [
    [0.0], [np.nan] * 5, [-np.inf] * 3, [np.inf, 1, 2], [500, 0, 0, 0], [0] * 70000])
def test_pictures_of_odd_rows(tool, tmp_path, row):
    np.save(tmp_path / "row.npy", np.array(row, np.float32))
    empty = not np.any(np.array(row) > -np.inf)
    tool("explain", "--logits", "row.npy", "--top-p", 0.5, "--svg", "p.svg", "--html", "p.html",
         status=1 if empty else 0)
    _, texts = drawing((tmp_path / "p.svg").read_bytes())
    assert any("No token can be drawn" in text for text in texts) == empty
    assert "nan" not in "".join(texts).lower().replace("nan and", "")
    np.save(tmp_path / "rows.npy", np.array([row] * 3, np.float32))
    tool("explain", "--logits", "rows.npy", "--rows", "all", *SETTINGS, "--svg", "c.svg", "--html", "c.html")
    _, texts = drawing((tmp_path / "c.svg").read_bytes())
    assert sum("of the probability" in text for text in texts) == 3


def test_page_needs_nothing_from_elsewhere(tool, tmp_path):
    np.save(tmp_path / "rows.npy", np.random.default_rng(3).standard_normal((5, 50)).astype("f4"))
    tool("explain", "--logits", "rows.npy", "--rows", "all", *SETTINGS, "--html", "p.html")
    page = (tmp_path / "p.html").read_text("utf-8")
    assert page.count("<tr>") == 6 and page.count("<svg") == 1
    assert not re.search(r"(src|href|url\(|@import|https?://(?!www\.w3\.org/2000/svg))", page)


@needs_pixels
def test_png(tool, tmp_path):
    np.save(tmp_path / "row.npy", np.zeros(9, np.float32))
    tool("explain", "--logits", "row.npy", "--png", "p.png")
    data = (tmp_path / "p.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and int.from_bytes(data[16:20], "big") == 2000


# --- What can go wrong -----------------------------------------------------------------------


def test_a_row_without_a_token(tool, tmp_path):
    np.save(tmp_path / "rows.npy", np.array([[1, 2], [np.nan, -np.inf]], np.float32))
    done = tool("explain", "--logits", "rows.npy", "--row", 1, status=1)
    assert done.err == ("lmsample-tools explain: row 1 of rows.npy: no token can be drawn, each of "
                        "the 2 logits is NaN or -inf\n")
    assert "No token can be drawn: of 2 logits 1 are NaN and 1 -inf." in done.out
    told = json.loads(tool("explain", "--logits", "rows.npy", "--row", 1, "--format", "json",
                           status=1).out)
    assert told["drawn"] is None and told["stages"][0]["kept"] == 0


@pytest.mark.parametrize("status, parts, words", [
    (2, "--logits or --prompt is missing", []),
    (2, ["--logits and --prompt", "only one"], ["--logits", "a", "--prompt", "b"]),
    (2, ["--vocabulary", "not for --prompt"], ["--prompt", "a", "--vocabulary", "v"]),
    (2, ["--row", "not for --prompt"], ["--prompt", "a", "--row", "0"]),
    (2, ["--bfloat16", "not for --prompt"], ["--prompt", "a", "--bfloat16"]),
    (2, ["--model", "not for --logits"], ["--logits", "a", "--model", "b"]),
    (2, ["--svg: is", "--output", '"x"'], ["--prompt", "a", "--svg", "x", "--output", "x"]),
    (2, ["--html: is", "--logits"], ["--logits", "rows.npy", "--html", "./rows.npy"]),
    (2, ["--top", '"0"'], ["--logits", "a", "--top", "0"]),
    (2, ["--row", '"-1"'], ["--logits", "a", "--row=-1"]),
    (2, ["--rows", '"1-0"'], ["--logits", "rows.npy", "--rows", "1-0"]),
    (2, ["--rows", "has 2, must be from 0 to 1"], ["--logits", "rows.npy", "--rows", "0-2"]),
    (2, ["--setting", '"k=3"'], ["--logits", "rows.npy", "--setting", "k=3"]),
    (2, ["--setting", "top_p", '"x"'], ["--logits", "rows.npy", "--setting", "top_p=x"]),
    (2, ["--format", "'xml'", "text"], ["--logits", "a", "--format", "xml"]),
    (2, ["--color", "'blue'", "always"], ["--logits", "a", "--color", "blue"]),
    (2, ["more"], ["--logits", "a", "more"]),
    (2, ["top_p", "2"], ["--logits", "rows.npy", "--top-p", "2"]),
    (2, ["--row: is 3, must be from 0 to 1, the last row of rows.npy"],
     ["--logits", "rows.npy", "--row", "3"]),
    (3, ["no rows", "none.npy"], ["--logits", "none.npy"]),
    (3, ["missing.npy"], ["--logits", "missing.npy"]),
    (3, ["text.npy", "no .npy file"], ["--logits", "text.npy"]),
    (3, ["huge.npy", "no .npy file"], ["--logits", "huge.npy"]),
    (3, ["two.npz: is an archive"], ["--logits", "two.npz"]),
    (3, ["missing.json"], ["--logits", "rows.npy", "--vocabulary", "missing.json"]),
    (4, ["no such thing"], ["--logits", "rows.npy", "--device", "no such thing"]),
    (5, ["nowhere/a.svg"], ["--logits", "rows.npy", "--svg", "nowhere/a.svg"]),
    (5, ["nowhere/a.txt"], ["--logits", "rows.npy", "--output", "nowhere/a.txt"]),
])
def test_errors(fails, tmp_path, status, parts, words):
    np.save(tmp_path / "rows.npy", np.zeros((2, 4), np.float32))
    np.save(tmp_path / "none.npy", np.zeros((0, 4), np.float32))
    np.savez(tmp_path / "two.npz", np.zeros((2, 4), np.float32))
    (tmp_path / "text.npy").write_text("no array")
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 5), }" % 10**30
    (tmp_path / "huge.npy").write_bytes(b"\x93NUMPY\1\0v\0" + header.ljust(117).encode() + b"\n")
    fails(status, parts, "explain", *words)


def test_names_of_files_that_are_no_utf8(tool, tmp_path):
    name = os.fsdecode(b"a\xff.npy")
    np.save(tmp_path / name, np.zeros(9, np.float32))
    assert json.loads(tool("explain", "--logits", name, "--format", "json").out)["source"] == {
        "logits": name, "row": 0}
    tool("explain", "--logits", name, "--svg", "a.svg", "--html", "a.html")
    assert "a\\udcff.npy" in (tmp_path / "a.svg").read_text("utf-8")


@pytest.mark.parametrize("closed, words, message", [
    (0, ["explain", "--logits", "-"], "standard input: cannot read: it is closed"),
    (0, ["generate"], "standard input: cannot read: it is closed"),
    (1, ["explain", "--logits", "row.npy"], "standard output: cannot write: it is closed"),
])
def test_closed_streams(tmp_path, closed, words, message):
    np.save(tmp_path / "row.npy", np.zeros(9, np.float32))
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}>&-', "sh", sys.executable, "-m", "lmsample", *words],
        cwd=tmp_path, stderr=subprocess.PIPE, timeout=120, check=False)
    assert done.stderr.decode() == f"python3 -m lmsample {words[0]}: {message}\n"
    assert done.returncode == (5 if closed else 3)


@pytest.mark.parametrize("name, error, words", [
    ("rich", ImportError, ["--output", "a.txt"]),
    ("jinja2", ImportError, ["--svg", "a.svg"]),
    ("cairosvg", ImportError, ["--png", "a.png"]),
    ("cairosvg", OSError, ["--png", "a.png"]),  # without libcairo
])
def test_packages_that_are_not_there(fails, tmp_path, monkeypatch, name, error, words):
    class Finder:
        def find_spec(self, wanted, path=None, target=None):
            if wanted.partition(".")[0] == name:
                raise error(f"no {wanted}") if error is OSError else ImportError(wanted, name=name)

    np.save(tmp_path / "row.npy", np.zeros(9, np.float32))
    for module in list(sys.modules):
        if module.partition(".")[0] == name or module in _DRAWING:
            monkeypatch.delitem(sys.modules, module)
    for module in _DRAWING:
        monkeypatch.delattr(lmsample.tools, module.rpartition(".")[2], raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    fails(2, f"pip install {name}", "explain", "--logits", "row.npy", *words)


_DRAWING = ["lmsample.tools.terminal", "lmsample.tools.pictures"]


def test_output_file(tool, tmp_path):
    np.save(tmp_path / "row.npy", np.zeros(9, np.float32))
    direct = tool("explain", "--logits", "row.npy").out_bytes
    assert tool("explain", "--logits", "row.npy", "--output", "a.txt").out == ""
    assert (tmp_path / "a.txt").read_bytes() == direct
