"""The examples beam and demo: what they find against the model in NumPy, and what they refuse."""

import re
import subprocess

import pytest

import language_model as lm
from conftest import SANITIZED
from example_programs import (DAYS, EXAMPLES, LENGTH, MAN, MODEL, PROMPTS, fails, has_ended,
                              held_out_prompts, is_greedy, logprob_of, run)


class Found:
    """One result as beam --tokens prints it."""

    def __init__(self, rank, logprob, score, length, tokens):
        self.rank = int(rank)
        self.logprob = float(logprob)
        self.score = float(score)
        self.tokens = [int(token) for token in tokens.split()]
        assert len(self.tokens) == int(length)


RESULT = re.compile(r"^  (\d+)\. log-probability (\S+), score (\S+), (\d+) tokens\n"
                    r"(?: {8}.*\n)+     tokens:(.*)\n", re.MULTILINE)


def search(*arguments, prompts=PROMPTS):
    """What beam finds: prompt -> results."""
    out = run("beam", "--tokens", *arguments, *prompts).stdout
    blocks = out.split("\n\n")
    assert [block.split(" ...\n")[0] for block in blocks] == list(prompts)
    found = {}
    for prompt, block in zip(prompts, blocks):
        block = block.rstrip("\n") + "\n"
        found[prompt] = [Found(*groups) for groups in RESULT.findall(block)]
        assert len(found[prompt]) == len(re.findall(r"^  \d+\. ", block, re.MULTILINE)) > 0
        assert [result.rank for result in found[prompt]] == [
            i + 1 for i in range(len(found[prompt]))]
    return found


# --- beam ---------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [0, 0.7, 1])
def test_results_are_sorted_and_the_models(penalty):
    found = search("--results", 4, "--length", LENGTH, "--length-penalty", penalty)
    for prompt, results in found.items():
        assert len(results) == 4
        assert len({tuple(result.tokens) for result in results}) == 4
        scores = [result.score for result in results]
        assert scores == sorted(scores, reverse=True)
        for result in results:
            assert result.logprob == pytest.approx(logprob_of(prompt, result.tokens), abs=5e-3)
            score = result.logprob / len(result.tokens) ** penalty
            assert result.score == pytest.approx(score, abs=2e-4)
            assert has_ended(result.tokens, LENGTH)


def test_text_is_that_of_the_tokens():
    out = run("beam", "--tokens", "--length", LENGTH, MAN).stdout
    [(tokens, )] = [groups[-1:] for groups in RESULT.findall(out)]
    text = MAN + lm.TOKENIZER.decode([int(token) for token in tokens.split()]).decode()
    shown = [line.strip() for line in out.splitlines() if line.startswith(" " * 8)]
    assert " ".join(" ".join(shown).split()) == " ".join(text.split())


def test_width_1_is_greedy():
    found = search("--width", 1, "--length-penalty", 0, "--length", LENGTH)
    for prompt, [result] in found.items():
        assert is_greedy(prompt, result.tokens) and has_ended(result.tokens, LENGTH)


def test_ended_requests_leave_the_others_alone():
    """Unequal ends: one prompt's best texts end long before the others'."""
    arguments = ["--results", 2, "--length-penalty", 0, "--length", 24 if SANITIZED else 40]
    together = search(*arguments)
    assert {len(together[MAN][0].tokens), len(together[DAYS][0].tokens)} == {13, arguments[-1]}
    for prompt in PROMPTS:
        alone = search(*arguments, prompts=[prompt])[prompt]
        assert [vars(result) for result in alone] == [
            vars(result) for result in together[prompt]]


def test_wider_is_better_here():
    """Not a law, but so for these prompts."""
    bests = [sum(results[0].logprob for results in
                 search("--width", width, "--length-penalty", 0, "--length", 8).values())
             for width in (1, 4, 16)]
    assert bests == sorted(bests)


def test_groups_are_diverse():
    plain = search("--width", 4, "--results", 4, "--length", 8)
    diverse = search("--width", 4, "--results", 4, "--length", 8, "--groups", 4,
                     "--diversity", 20)
    for prompt in PROMPTS:
        assert len({result.tokens[0] for result in diverse[prompt]}) == 4
        assert len({result.tokens[0] for result in plain[prompt]}) < 4
        [first] = [result for result in diverse[prompt] if is_greedy(prompt, result.tokens)]
        assert first.score == pytest.approx(first.logprob / 8, abs=2e-4)
        for result in diverse[prompt]:
            # The score has the penalties, which the log-probability has not.
            assert result.logprob == pytest.approx(logprob_of(prompt, result.tokens), abs=5e-3)
            assert result.score * 8 < result.logprob + 1e-3


def test_stochastic():
    arguments = ["--stochastic", "--results", 4, "--length", 8]
    first = search(*arguments, "--seed", 1)
    assert first.keys() == search(*arguments, "--seed", 2).keys()
    texts = []
    for seed in (1, 2):
        for prompt, results in search(*arguments, "--seed", seed).items():
            scores = [result.score for result in results]
            assert scores == sorted(scores, reverse=True)
            assert len({tuple(result.tokens) for result in results}) == 4
            for result in results:
                assert result.logprob == pytest.approx(logprob_of(prompt, result.tokens),
                                                       abs=5e-3)
                texts.append((prompt, tuple(result.tokens)))
    assert len(set(texts)) == len(texts) == 24
    # A prompt's seed is that of its row.
    assert vars(search(*arguments, "--seed", 1, prompts=[DAYS])[DAYS][0]) == vars(first[DAYS][0])
    assert search(*arguments, "--seed", 1, prompts=[MAN])[MAN][0].tokens != first[MAN][0].tokens


@pytest.mark.parametrize("arguments", [[], ["--groups", 2], ["--stochastic", "--seed", 3]])
def test_beam_says_the_same_twice(arguments):
    first = run("beam", "--length", 12, *arguments).stdout
    assert first.count(" ...\n") == 3
    assert run("beam", "--length", 12, *arguments).stdout == first


def test_odd_prompts():
    """None at all, and bytes that are no text."""
    out = run("beam", "--length", 3, "", "\x1b[31m\u00e9").stdout
    assert out.count("log-probability") == 2
    assert "        ?[31m??" in out


@pytest.mark.parametrize("option, value", [
    ("--width", "0"), ("--width", "257"), ("--width", "4x"), ("--width", ""),
    ("--length", "0"), ("--length", "256"), ("--length", "-1"), ("--results", "0"),
    ("--groups", "none"), ("--length-penalty", "1,5"), ("--length-penalty", ""),
    ("--diversity", "x"), ("--seed", "-1"), ("--seed", "99999999999")])
def test_beam_options_that_cannot_be(option, value):
    err = fails("beam", [option, f'"{value}"'], f"{option}={value}")
    assert err.startswith("beam: ") and err.count("\n") == 1


@pytest.mark.parametrize("arguments, parts", [
    (["--results", 5], ["params.results", "5", "4"]),
    (["--groups", 3], ["params.groups", "3", "4"]),
    (["--groups", 2, "--stochastic"], ["params.groups", "2"]),
    (["--groups", 2, "--diversity", -1], ["params.diversity_penalty", "-1"]),
    (["--groups", 2, "--diversity", 0], ["params.diversity_penalty", "0", "2^-32"]),
    (["--length-penalty", "nan"], ["params.length_penalty", "nan"]),
    (["--length", 254, MAN], ["prompt", "256"]),
    (["word " * 300], ["prompt", "256"]),
    (["--device", "no such device"], ["cannot open a device", "no such device"]),
])
def test_beam_says_what_is_wrong(arguments, parts):
    err = fails("beam", parts, *arguments)
    assert err.startswith("beam: ") and err.count("\n") == 1


@pytest.mark.parametrize("name", ["beam", "demo"])
def test_usage(name, tmp_path):
    assert run(name, "--help").stdout.startswith(f"usage: {name} ")
    fails(name, ["unknown", "usage"], "--unknown")
    fails(name, ["requires an argument", "usage"], "--length")
    err = fails(name, "absent", model="absent", cwd=tmp_path)
    assert err.startswith(f"{name}: ") and err.count("\n") == 1


# --- demo ---------------------------------------------------------------------------------


def without_times(out):
    return "\n".join(line for line in out.splitlines() if "tokens/s" not in line)


def test_demo_shows_texts_with_their_logprobs():
    arguments = ["--length", 8, "--compare", 0]
    out = run("demo", *arguments).stdout
    assert without_times(run("demo", *arguments).stdout) == without_times(out)
    best = search("--width", 1, "--length", 8, "--length-penalty", 0)
    for prompt in PROMPTS:
        [block] = [part for part in out.split("\n\n") if part.strip().startswith(prompt)]
        shown = re.findall(r"^  (\S.*)\n    log-probability (\S+), (\d+) tokens\n", block,
                           re.MULTILINE)
        assert len(shown) == 15
        logprobs = {name: float(logprob) for name, logprob, _ in shown}
        lengths = {name: int(length) for name, _, length in shown}
        greedy = "greedy (temperature 0)"
        assert logprobs[greedy] == pytest.approx(best[prompt][0].logprob, abs=0.006)
        assert lengths[greedy] == len(best[prompt][0].tokens)
        [searched] = [name for name in logprobs if name.startswith("beam search")]
        assert logprobs[searched] >= logprobs[greedy]


def test_demo_compares_greedy_with_beams():
    prompts = held_out_prompts()[:6 if SANITIZED else 30]  # more than one batch of them
    out = run("demo", "--length", 1, "--compare", len(prompts)).stdout
    assert f"\n{len(prompts)} prompts " in out
    means = [float(re.search(rf"^  {name} +(-\S+)", out, re.MULTILINE)[1])
             for name in ["greedy", "beams, width 2", "beams, width 4", "beams, width 8"]]
    assert means == sorted(means)
    for line in out.splitlines():
        if line.startswith("  beams, width"):
            assert sum(int(word) for word in line.split()[-3:]) == len(prompts)
    found = search("--width", 1, "--length", 10, "--length-penalty", 0, prompts=prompts)
    greedy = [results[0].logprob for results in found.values()]
    assert means[0] == pytest.approx(sum(greedy) / len(prompts), abs=1e-3)


def test_held_out_prompts():
    lines = held_out_prompts()
    assert len(lines) == len(set(lines)) >= 100
    for line in lines:
        assert 4 <= len(line.split()) <= 8 and line == " ".join(line.split())


@pytest.mark.parametrize("arguments", [
    ["--length", 0], ["--length", 201], ["--length", "x"], ["--compare", -1],
    ["--compare", 1001], ["--compare", ""], ["more"]])
def test_demo_options_that_cannot_be(arguments):
    assert fails("demo", "usage: demo", *arguments).startswith("usage: ")


def test_demo_without_prompts_to_compare_with(tmp_path):
    for name in ["model.safetensors", "tokenizer.json"]:
        (tmp_path / name).symlink_to(MODEL / name)
    words = [EXAMPLES / "demo", "--model", tmp_path, "--length", "1"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "log-probability" in done.stdout
    assert done.stderr.count("\n") == 1
    assert "held_out_prompts.txt" in done.stderr and "--compare 0" in done.stderr
