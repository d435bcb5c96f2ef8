"""generate: what it says, whatever the batch and wherever it says it."""

import json
import os
import pathlib
import sys

import numpy as np
import pytest

from lmsample import row_seed
from lmsample.tools.language_model import bundled

from conftest import needs_model

pytestmark = needs_model
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples/model"))

MAN = "Blessed is the man that"
KING = "And the king said unto the woman,"
DAYS = "And it came to pass in those days, that"
PROMPTS = [DAYS, MAN, KING]

# As examples/demo.c, which runs model and sampler by other calls, prints them (without breaks
# between lines).
GREEDY_MAN = (
    "Blessed is the man that cometh from the LORD, and is the LORD God of Israel.\n"
    "The LORD is the LORD, and the God of Israel, and the God of Israel, and the God of Israel,"
    " and the God of Israel, and the God of Israel, and the God of Israel, and the God of\n")
GREEDY_KING = (
    "And the king said unto the woman, Behold, I have found favour in the LORD, and have not"
    " kept my petition, and have done according to the word of the LORD, and have done it.\n"
    "And the king said unto her, Behold, I have heard the voice of the LORD, and the voice of"
    " the LORD hath spoken\n")
SEEDED_MAN = (  # seed 1001, top-k 20
    "Blessed is the man that keepeth himself unto the LORD: he shall not make known unto the man"
    " that is good.\n"
    "He that walketh in the LORD shall speak, when the soul shall return into the land of"
    " Egypt.\n")
SEEDED_KING = (
    "And the king said unto the woman, Behold, I know thy servant that thou hast kept this"
    " thing, when the king said unto king, The king hath taken away my son, and his servant, and"
    " done wickedly, saying, I shall not be left.\n"
    "Then the king said unto her, Let me go into the court; and\n")


@pytest.fixture
def generate(tool):
    """generate(...): the objects of --format json."""

    def run(*arguments, **more):
        return json.loads(tool("generate", "--format", "json", *arguments, **more).out)

    return run


# --- What it says -------------------------------------------------------------------------


def test_greedy_texts(tool):
    result = tool("generate", "-t", 0, MAN, KING)
    assert result.out == GREEDY_MAN + "---\n" + GREEDY_KING
    assert result.err == ""


def test_seeded_texts(tool, tmp_path):
    (tmp_path / "seeds.json").write_text(json.dumps([{"seed": 1001}, {"seed": 1002}]))
    result = tool("generate", "--params", "seeds.json", "--top-k", 20, MAN, KING)
    assert result.out == SEEDED_MAN + "---\n" + SEEDED_KING


def test_end_of_text_ends_it(generate):
    # examples/demo.c, "multinomial, cooler": shorter than 60 tokens.
    [record] = generate("--seed", 1001, "-t", 0.7, MAN)
    assert record["text"].rstrip("\n") == (
        " is the glory of God: and the heart of the LORD knoweth not God.")
    assert record["finish"] == "end" and 0 not in record["tokens"]


def test_prompts_have_the_tokens_of_the_models_own_tokenizer():
    import bpe

    from lmsample.tools.language_model import model_of

    own = bpe.Tokenizer.load(bundled() / "tokenizer.json")
    random = np.random.default_rng(3)
    texts = [MAN, KING, "", " ", "a'b 3c\n\n d", "\t\x00\x01é日本", "12 men,\n went  forth;   x"]
    texts += ["".join(map(chr, random.choice([32, 32, 10, 39, 44, 65, 98, 51, 233, 8364], 60)))
              for _ in range(200)]
    for text in texts:
        assert model_of().encode(text) == [0, *own.encode(text.encode())], text


def test_prompts_that_are_no_utf8(generate):
    # As sys.argv has them, and as it has "é" where the locale is not of UTF-8.
    broken, latin = os.fsdecode(b"a\xff"), b"\xc3\xa9".decode("ascii", "surrogateescape")
    [one], [other] = generate("-l", 2, broken), generate("-l", 2, "a\ufffd")
    assert one["tokens"] == other["tokens"] and one["prompt"] == broken
    [one], [other] = generate("-l", 2, latin), generate("-l", 2, "é")
    assert one["tokens"] == other["tokens"]


# --- Batches ------------------------------------------------------------------------------


def test_seeds_and_steps(generate):
    """A continuation is row prompt * number + continuation of the seed, its step --step."""
    together = generate("-s", 100, "-n", 3, "-l", 12, *PROMPTS)
    assert [(r["prompt_index"], r["continuation"], r["seed"]) for r in together] == [
        (p, c, row_seed(100, 3 * p + c)) for p in range(3) for c in range(3)]
    for record in together:
        [alone] = generate("-s", record["seed"], "-l", 12, PROMPTS[record["prompt_index"]])
        assert alone["tokens"] == record["tokens"]
    assert len({tuple(r["tokens"]) for r in together}) == 9


def test_without_a_seed_each_run_has_its_own(tool):
    words = ["generate", "--format", "json", "-l", 6]
    one, two = (json.loads(tool(*words, MAN, is_fresh=True).out)[0] for _ in range(2))
    assert one["seed"] != two["seed"] and one["tokens"] != two["tokens"]
    assert json.loads(tool(*words, "--seed", one["seed"], MAN).out) == [one]


def test_batch_changes_nothing(tool):
    lines = "".join(f"In the year {i}{' of the king' * (i % 5)}\n" for i in range(7)).encode()
    words = ["generate", "--format", "json", "--details", "-n", 2, "-l", 9, "-s", 3]
    outs = {tool(*words, "--batch", batch, input=lines).out for batch in (1, 3, 64)}
    assert len(outs) == 1
    assert [(r["prompt_index"], r["continuation"]) for r in json.loads(outs.pop())] == [
        (i // 2, i % 2) for i in range(14)]


def test_lines_are_arguments(tool):
    by_arguments = tool("generate", "-l", 5, *PROMPTS, "").out
    assert tool("generate", "-l", 5, input="\n".join([*PROMPTS, "", ""]).encode()).out == by_arguments


# --- Length and stops -----------------------------------------------------------------------


def test_length_and_context(generate, fails):
    for length in (1, 2, 31):
        [record] = generate("-t", 0, "-l", length, MAN)
        assert len(record["tokens"]) == length and record["finish"] == "length"
    [record] = generate("-t", 0, "-l", 1000, "and he said " * 75)
    assert record["finish"] == "context"
    fails(2, ["prompt 2", "301", "255"], "generate", MAN, "word " * 300)


@pytest.mark.parametrize("stops", [
    ["Israel"], ["rael.\nThe L"], [" the LORD", "LORD"], ["RD", "LORD,"], ["nothing like it"]])
def test_stops(generate, tool, stops):
    """They may begin and end within tokens and span several; text and stream agree."""
    [whole] = generate("-t", 0, MAN)
    options = [word for stop in stops for word in ("--stop", stop)]
    [record] = generate("-t", 0, *options, MAN)
    text = whole["text"]
    ends = [end for end in range(len(text) + 1) if text[:end].endswith(tuple(stops))]
    begins = [ends[0] - len(stop) for stop in stops if ends and text[:ends[0]].endswith(stop)]
    assert record["finish"] == ("stop" if begins else "length")
    assert record["text"] == (text[:min(begins)] if begins else text)
    shown = MAN + record["text"]
    got = tool("generate", "-t", 0, *options, MAN).out
    assert got == shown + ("" if shown.endswith("\n") else "\n")


# --- Parameters of their own ------------------------------------------------------------------


def test_params_file_mixes_strategies(generate, tmp_path):
    records = [{"temperature": 0}, {"top_k": 5, "seed": 77},
               {"top_p": 0.5, "temperature": 1.3, "step": 9}]
    (tmp_path / "mixed.json").write_text(json.dumps(records))
    mixed = generate("--params", "mixed.json", "-s", 40, "-n", 2, "-l", 15, *PROMPTS)
    assert [r.get("seed") for r in mixed] == [
        None, None, 77, row_seed(77, 1), row_seed(40, 4), row_seed(40, 5)]
    alone = generate("-t", 0, "-n", 2, "-l", 15, PROMPTS[0]) + generate(
        "-k", 5, "-s", 77, "-n", 2, "-l", 15, PROMPTS[1])
    for row in (4, 5):
        alone += generate("-p", 0.5, "-t", 1.3, "--step", 9, "-s", row_seed(40, row), "-l", 15,
                          PROMPTS[2])
    assert [r["tokens"] for r in alone] == [r["tokens"] for r in mixed]


def test_params_file_of_one_record(generate, tmp_path):
    (tmp_path / "one.json").write_text('[{"top_k": 5, "seed": 12}]')
    got = generate("--params", "one.json", "-n", 2, "-l", 8, MAN, KING)
    assert got == generate("-k", 5, "-s", 12, "-n", 2, "-l", 8, MAN, KING)


# --- How it is written, and what is refused -----------------------------------------------------


def test_output_file_has_the_same_bytes(tool, tmp_path):
    expected = tool("generate", "-t", 9, "-n", 3, "-l", 20, MAN).out_bytes
    assert tool("generate", "-t", 9, "-n", 3, "-l", 20, "-o", "out.txt", MAN).out == ""
    assert (tmp_path / "out.txt").read_bytes() == expected
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.parametrize("status, arguments, parts", [
    (2, ["--length", 0, MAN], ["--length", '"0"', "1"]),
    (2, ["--number", 0, MAN], ["--number", '"0"']),
    (2, ["--batch", 1025, MAN], ["--batch", '"1025"', "1024"]),
    (2, ["--stop", "", MAN], ["--stop", '""']),
    (2, ["--details", MAN], ["--details", "--format json"]),
    (2, ["--top-p", 2, MAN], ["top_p", "2"]),
    (3, ["--params", "absent.json", MAN], ["absent.json"]),
    (3, ["--params", "two.json", *PROMPTS], ["two.json", "2 records", "3 prompts"]),
    (3, ["--params", "odd.json", MAN], ["odd.json", "[0]", "temperature"]),
    (3, ["--model", "nowhere", MAN], ["nowhere"]),
    (3, [], ["no prompt"]),
    (4, ["--device", "no such device", MAN], ["no such device"]),
    (5, ["-o", "absent/out", MAN], ["absent/out"]),
])
def test_errors(fails, tmp_path, status, arguments, parts):
    (tmp_path / "two.json").write_text("[{}, {}]")
    (tmp_path / "odd.json").write_text('[{"temperatur": 1}]')
    fails(status, parts, "generate", *arguments)
