"""lmsample generate: what it says, whatever the batch and wherever it says it."""

import json
import os
import select
import subprocess
import time

import numpy as np
import pytest

import language_model as lm
from conftest import PROGRAM, open_terminal, read_terminal, row_seed, unsanitized

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
def generate(lmsample):
    """generate(...): the objects of --format json."""

    def run(*arguments, **more):
        result = lmsample("generate", "--format", "json", *arguments, **more)
        return json.loads(result.out_bytes.decode("utf-8"))

    return run


def decoded(record):
    return lm.TOKENIZER.decode(record["tokens"])


# --- What it says -------------------------------------------------------------------------


def test_greedy_texts(lmsample):
    result = lmsample("generate", "-t", 0, MAN, KING)
    assert result.out == GREEDY_MAN + "---\n" + GREEDY_KING
    assert result.err == ""


def test_seeded_texts(lmsample, tmp_path):
    records = [{"seed": 1001}, {"seed": 1002}]
    (tmp_path / "seeds.json").write_text(json.dumps(records))
    result = lmsample("generate", "--params", "seeds.json", "--top-k", 20, MAN, KING)
    assert result.out == SEEDED_MAN + "---\n" + SEEDED_KING


def test_one_text_has_nothing_around_it(lmsample):
    assert lmsample("generate", "-t", 0, MAN).out == GREEDY_MAN


def test_end_of_text_ends_it(generate):
    # examples/demo.c, "multinomial, cooler": shorter than 60 tokens.
    [record] = generate("--seed", 1001, "-t", 0.7, MAN)
    assert record["text"].rstrip("\n") == (
        " is the glory of God: and the heart of the LORD knoweth not God.")
    assert record["finish"] == "end"
    assert 0 not in record["tokens"]


def test_tokens_and_logprobs_are_the_models(generate):
    """Against the model in numpy: greedy takes the best token, and log-probabilities are those
    of the logits, before and after temperature and top-k."""
    records = generate("--details", "-t", 0, MAN, KING)
    records += generate("--details", "-t", 0.8, "-k", 20, "-s", 5, MAN, KING)
    for i, record in enumerate(records):
        prompt = [0, *lm.TOKENIZER.encode(record["prompt"].encode())]
        tokens = record["tokens"]
        raw = lm.logprobs(prompt + tokens)[len(prompt) - 1:-1]
        at = np.arange(len(tokens))
        assert record["raw_logprobs"] == pytest.approx(raw[at, tokens], abs=2e-3)
        if i < 2:
            assert np.all(raw[at, tokens] > raw.max(-1) - 1e-3)
            assert record["logprobs"] == [0] * len(tokens)
            assert record["kept"] == [1] * len(tokens)
            continue
        scaled = raw / 0.8
        best = np.sort(scaled, -1)[:, -20:]
        mass = np.log(np.exp(best - best[:, -1:]).sum(-1)) + best[:, -1]
        assert record["logprobs"] == pytest.approx(scaled[at, tokens] - mass, abs=4e-3)
        assert record["kept"] == [20] * len(tokens)
        assert np.any(tokens != raw.argmax(-1)[at])


def test_seeds_and_steps(generate):
    """A continuation is row prompt * number + continuation of the seed, its step --step."""
    together = generate("-s", 100, "-n", 3, "-l", 12, *PROMPTS)
    assert [(r["prompt_index"], r["continuation"], r["seed"]) for r in together] == [
        (p, c, row_seed(100, 3 * p + c)) for p in range(3) for c in range(3)]
    for record in together:
        [alone] = generate("-s", record["seed"], "-l", 12, PROMPTS[record["prompt_index"]])
        assert alone["tokens"] == record["tokens"]
    assert len({tuple(r["tokens"]) for r in together}) == 9
    [whole] = generate("-s", 7, "-l", 20, MAN)
    first = lm.TOKENIZER.decode(whole["tokens"][:8]).decode()
    [rest] = generate("-s", 7, "--step", 8, "-l", 12, MAN + first)
    assert rest["tokens"] == whole["tokens"][8:]


def test_largest_seed_wraps(generate):
    records = generate("-s", 2**64 - 1, "-n", 2, "-l", 5, MAN)
    assert [r["seed"] for r in records] == [2**64 - 1, row_seed(2**64 - 1, 1)]
    assert records == generate("-s", -1, "-n", 2, "-l", 5, MAN)


def test_without_a_seed_each_run_has_its_own(lmsample):
    words = ["generate", "--format", "json", "-l", 6]
    one, two = (json.loads(lmsample(*words, MAN, is_fresh=True).out)[0] for _ in range(2))
    assert one["seed"] != two["seed"] and one["tokens"] != two["tokens"]
    assert json.loads(lmsample(*words, "--seed", one["seed"], MAN).out) == [one]


# --- Batches, streams, orders -----------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 64])
def test_batch_changes_nothing(lmsample, batch):
    lines = "".join(f"In the year {i}{' of the king' * (i % 5)}\n" for i in range(23))
    arguments = ["generate", "--format", "json", "--details", "-n", 2, "-l", 17, "-s", 3]
    expected = lmsample(*arguments, input=lines.encode())
    result = lmsample(*arguments, "--batch", batch, input=lines.encode())
    assert result.out == expected.out
    records = json.loads(result.out)
    assert [(r["prompt_index"], r["continuation"]) for r in records] == [
        (i // 2, i % 2) for i in range(46)]
    assert {r["finish"] for r in records} >= {"length"}


def test_lines_are_arguments(lmsample):
    by_arguments = lmsample("generate", "-l", 10, *PROMPTS, "").out
    for end in ["\n", "\r\n"]:
        for last in ["", end]:
            lines = end.join([*PROMPTS[:2], KING]) + end + last
            got = lmsample("generate", "-l", 10, input=lines.encode()).out
            assert got == (by_arguments if last else lmsample("generate", "-l", 10, *PROMPTS).out)
    unended = "\n".join(PROMPTS).encode()
    assert lmsample("generate", "-l", 10, input=unended).out == lmsample(
        "generate", "-l", 10, *PROMPTS).out


def test_bytes_of_prompts(generate):
    """Any bytes; what is no UTF-8 becomes U+FFFD in JSON as Python has it, in tokens nothing."""
    lines = [b"a\0b", b"\xff\xfe", b"\xe2\x82", b"\xed\xa0\x80\xf0\x9f\x98\x80", b"\xc3\xa9\r\r",
             b"\xf0\x9f\x98", b"\xf4\x90\x80\x80\xc0\xaf"]
    records = generate("-l", 3, input=b"\n".join(lines))
    assert [r["prompt"] for r in records] == [
        line.removesuffix(b"\r").decode("utf-8", "replace") if i + 1 < len(lines)
        else line.decode("utf-8", "replace") for i, line in enumerate(lines)]


@unsanitized
def test_two_thousand_prompts(tmp_path):
    """Through a pipe, in order; in memory that does not grow with them."""
    peaks = []
    for count in [60, 2000]:
        lines = "".join(f"{i}\n" for i in range(count)).encode()
        command = ["/usr/bin/env", "python3", "-c",
                   "import resource, subprocess, sys\n"
                   "done = subprocess.run(sys.argv[1:])\n"
                   "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,"
                   " file=sys.stderr)\n"
                   "sys.exit(done.returncode)",
                   PROGRAM, "generate", "-l", "4", "--batch", "32", "--format", "json"]
        done = subprocess.run(command, input=lines, capture_output=True, timeout=300, check=True)
        records = json.loads(done.stdout)
        assert [r["prompt"] for r in records] == [str(i) for i in range(count)]
        peaks.append(int(done.stderr))
    assert peaks[1] < peaks[0] + 8192, peaks


def read_for(descriptor, seconds):
    """What comes before it is silent for so long."""
    got = b""
    while select.select([descriptor], [], [], seconds)[0]:
        piece = os.read(descriptor, 65536)
        if not piece:
            break
        got += piece
    return got


def test_streams_while_standard_input_is_open(tmp_path):
    """A prompt is answered before the next one is given, and the text comes piece by piece."""
    with subprocess.Popen([PROGRAM, "generate", "-t", "0"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, bufsize=0) as running:
        for i, (prompt, text) in enumerate([(MAN, GREEDY_MAN), (KING, GREEDY_KING)]):
            running.stdin.write(prompt.encode() + b"\n")
            expected = ("---\n" if i else "") + text
            pieces = []
            while sum(map(len, pieces)) < len(expected):
                assert select.select([running.stdout], [], [], 60)[0]
                pieces.append(os.read(running.stdout.fileno(), 65536))
            assert b"".join(pieces).decode() == expected
            assert len(pieces) > 3, pieces
        running.stdin.close()
        assert running.stdout.read() == b""
        assert running.wait(60) == 0


def test_closed_pipe(tmp_path):
    with subprocess.Popen([PROGRAM, "generate", "-n", "500"] + PROMPTS, cwd=tmp_path,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout.read(10)
        running.stdout.close()
        line = running.stderr.read().decode()
        assert running.wait(60) == 5
        assert line.count("\n") == 1 and line.startswith("lmsample generate: "), line


# --- Length and stops -----------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 31])
def test_length(generate, length):
    for record in generate("-t", 0, "-l", length, *PROMPTS):
        assert len(record["tokens"]) == length
        assert record["finish"] == "length"


def test_context_ends_it(generate):
    [record] = generate("-t", 0, "-l", 1000, KING)
    prompt = len(lm.TOKENIZER.encode(KING.encode()))
    assert record["finish"] == "context"
    assert 1 + prompt + len(record["tokens"]) == 256
    [short] = generate("-t", 0, "-l", 60, KING)
    assert record["tokens"][:60] == short["tokens"]
    [exact] = generate("-t", 0, "-l", 256 - 1 - prompt, KING)
    assert exact["finish"] == "length" and exact["tokens"] == record["tokens"]


def test_longest_prompt(generate, fails):
    words = KING.split() * 60
    while len(lm.TOKENIZER.encode(" ".join(words).encode())) > 254:
        words.pop()
    text = " ".join(words)
    assert len(lm.TOKENIZER.encode(text.encode())) == 254
    [record] = generate("-t", 0, text)
    assert record["finish"] == "context" and len(record["tokens"]) == 1
    longer = text + " man"
    assert len(lm.TOKENIZER.encode(longer.encode())) == 255
    fails(3, ["prompt 2", "255", "254", "256"], "generate", MAN, longer)
    fails(3, ["prompt 1", "255", "254", "256"], "generate", input=longer.encode())
    fails(3, ["prompt 1", "254 tokens"], "generate", input=b"word " * 1000000)


def test_bad_line_ends_it_after_those_before(lmsample, tmp_path):
    lines = "\n".join([*PROMPTS, "word " * 300, MAN]).encode()
    expected = lmsample("generate", "-l", 9, *PROMPTS).out
    for batch in [1, 2, 16]:
        result = lmsample("generate", "-l", 9, "--batch", batch, input=lines, status=3)
        assert result.out == expected
        assert result.err.count("\n") == 1 and "prompt 4: is 301 tokens" in result.err
    (tmp_path / "old.txt").write_text("old")
    lmsample("generate", "-o", "old.txt", input=lines, status=3)
    assert [p.name for p in tmp_path.iterdir()] == ["old.txt"]
    assert (tmp_path / "old.txt").read_text() == "old"


def until_stop(text, stops):
    """The text before the stop text that is complete first."""
    for end in range(1, len(text) + 1):
        begins = [end - len(s) for s in stops if text[:end].endswith(s)]
        if begins:
            return text[:min(begins)]
    return text


@pytest.mark.parametrize("stops", [
    ["Israel"], ["rael.\nThe L"], [" the LORD", "LORD"], ["RD", "LORD,"], ["m"],
    ["nothing like it"], ["Israel, and the God of Israel, and the God!"],
    ["God of Israel.\nThe LORD is the LORD, and t"]])
def test_stops(generate, lmsample, stops):
    """They may begin and end within tokens and span several; text and stream agree."""
    [whole] = generate("-t", 0, MAN)
    options = [word for stop in stops for word in ("--stop", stop)]
    [record] = generate("-t", 0, *options, MAN)
    expected = until_stop(whole["text"], stops)
    assert record["text"] == expected
    is_stopped = expected != whole["text"]
    assert record["finish"] == ("stop" if is_stopped else "length")
    count = len(record["tokens"])
    assert record["tokens"] == whole["tokens"][:count]
    assert decoded(record).startswith(expected.encode())
    if is_stopped:
        shorter = lm.TOKENIZER.decode(record["tokens"][:-1]).decode()
        assert until_stop(shorter, stops) == shorter
    got = lmsample("generate", "-t", 0, *options, MAN).out
    assert got == MAN + expected + ("" if expected.endswith("\n") else "\n")


def test_stop_is_not_sought_in_the_prompt(generate):
    [whole] = generate("-t", 0, "-l", 5, KING)
    [record] = generate("-t", 0, "-l", 5, "--stop", "king", "--stop", "woman, B", KING)
    assert record["text"] == whole["text"]


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
    by_lines = generate("--params", "mixed.json", "-s", 40, "-n", 2, "-l", 15,
                        input="\n".join(PROMPTS).encode())
    assert by_lines == mixed


def test_params_file_of_one_record(generate, tmp_path):
    (tmp_path / "one.json").write_text('[{"top_k": 5, "seed": 12}]')
    got = generate("--params", "one.json", "-n", 2, "-l", 8, MAN, KING)
    assert got == generate("-k", 5, "-s", 12, "-n", 2, "-l", 8, MAN, KING)


def test_params_file_must_fit(fails, lmsample, tmp_path):
    (tmp_path / "two.json").write_text('[{"top_k": 5}, {"top_k": 6}]')
    fails(3, ["two.json", "2", "3"], "generate", "--params", "two.json", *PROMPTS)
    fails(3, ["two.json", "2", "1"], "generate", "--params", "two.json", MAN)
    lines = "\n".join(PROMPTS).encode()
    result = lmsample("generate", "--params", "two.json", input=lines, status=3)
    assert result.err.count("\n") == 1 and "two.json: has 2 records" in result.err
    lmsample("generate", "--params", "two.json", "-o", "out", input=MAN.encode(), status=3)
    assert not (tmp_path / "out").exists()
    fails(3, "absent.json", "generate", "--params", "absent.json", MAN)


# --- How it is written --------------------------------------------------------------------------


def test_json_decodes_to_its_text(generate):
    """Hot enough for bytes that are no UTF-8, quotes and control characters."""
    records = generate("-t", 8, "-n", 20, "-l", 80, "-s", 1, MAN)
    for record in records:
        assert decoded(record).decode("utf-8", "replace") == record["text"]
        assert set(record) == {"prompt_index", "continuation", "prompt", "text", "tokens", "seed",
                               "finish"}


def test_json_is_an_object_a_line(lmsample):
    lines = lmsample("generate", "--format", "json", "-l", 4, *PROMPTS).out.splitlines()
    assert lines[0] == "[" and lines[-1] == "]"
    assert [json.loads(line.rstrip(","))["prompt"] for line in lines[1:-1]] == PROMPTS


def test_output_file_has_the_same_bytes(lmsample, tmp_path):
    expected = lmsample("generate", "-t", 9, "-n", 5, "-l", 40, MAN).out_bytes
    result = lmsample("generate", "-t", 9, "-n", 5, "-l", 40, "-o", "out.txt", MAN)
    assert result.out_bytes == b""
    assert (tmp_path / "out.txt").read_bytes() == expected
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]


def test_text_has_the_exact_bytes(lmsample, generate):
    arguments = ["-t", 9, "-n", 5, "-l", 40, MAN]
    texts = []
    for record in generate(*arguments):
        text = MAN.encode() + decoded(record)
        texts.append(text if text.endswith(b"\n") else text + b"\n")
    assert lmsample("generate", *arguments).out_bytes == b"---\n".join(texts)


def as_on_a_terminal(data):
    shown = ""
    for character in data.decode("utf-8", "replace"):
        code = ord(character)
        is_control = (code < 32 and character != "\n") or 127 <= code < 160
        shown += f"\\x{code:02x}" if is_control else character
    return shown


def test_terminal_gets_whole_characters_and_no_controls(lmsample, tmp_path):
    arguments = ["generate", "-s", 0, "-t", 9, "-l", 100, "-n", 3, "\x1b[31m\u00e9\u0085\t\x7f"]
    expected = as_on_a_terminal(lmsample(*arguments).out_bytes)
    assert "\ufffd" in expected
    leader, follower = open_terminal()
    with subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=follower,
                          stderr=subprocess.PIPE) as running:
        os.close(follower)
        got = read_terminal(leader)
        assert running.wait(60) == 0
    assert got.decode("utf-8").replace("\r\n", "\n") == expected


def test_interrupt_leaves_no_file(tmp_path):
    with subprocess.Popen([PROGRAM, "generate", "-n", "100000", "-o", "out.txt", MAN],
                          cwd=tmp_path, stderr=subprocess.PIPE) as running:
        end = time.monotonic() + 60
        while not list(tmp_path.iterdir()) and time.monotonic() < end:
            time.sleep(0.01)
        assert list(tmp_path.iterdir())
        time.sleep(0.2)
        running.send_signal(2)
        running.wait(60)
        assert running.returncode in (-2, 130)
    assert not list(tmp_path.iterdir())


def test_stats(lmsample):
    err = lmsample("generate", "-l", 7, "-t", 0, "--stats", MAN, KING).err
    assert err.startswith("14 tokens in ") and err.count("\n") == 1


# --- What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, parts", [
    (["--length", 0], ["--length", '"0"', "1"]),
    (["--length", "-3"], ["--length", '"-3"']),
    (["--length", "many"], ["--length", '"many"']),
    (["--number", 0], ["--number", '"0"']),
    (["--batch", 0], ["--batch", '"0"', "1024"]),
    (["--batch", 1025], ["--batch", '"1025"', "1024"]),
    (["--stop", ""], ["--stop", '""']),
    (["--format", "xml"], ["--format", '"xml"', "text or json"]),
    (["--details"], ["--details", "--format json"]),
    (["--top-p", 2], ["--top-p", '"2"']),
    (["--unknown"], ["unknown"]),
])
def test_bad_options(fails, arguments, parts):
    fails(2, parts, "generate", *arguments, MAN)


def test_no_prompt(fails):
    fails(3, "no prompt", "generate")


def test_standard_input_that_cannot_be_read(fails, tmp_path):
    done = subprocess.run([PROGRAM, "generate"], stdin=os.open(tmp_path, os.O_RDONLY),
                          capture_output=True, timeout=60)
    assert done.returncode == 3
    assert done.stderr.count(b"\n") == 1 and b"standard input" in done.stderr


def test_no_device(fails):
    fails(4, "no such device", "generate", "--device", "no such device", MAN)


def test_output_that_cannot_be_written(fails, lmsample):
    fails(5, "absent/out", "generate", "-o", "absent/out", MAN)
    fails(5, "/dev/full", "generate", "-o", "/dev/full", MAN)
