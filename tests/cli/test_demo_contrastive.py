"""The example contrastive and the study: what they choose against the model in NumPy, what the
page shows of it, and what they refuse."""

import csv
import importlib.util
import re
import subprocess

import numpy as np
import pytest

import language_model as lm
from conftest import ROOT, SANITIZED
from example_programs import (DAYS, EXAMPLES, LENGTH, MAN, MODEL, PROMPTS, fails, has_ended,
                              is_greedy, run)

#: A text that ends early: 5 tokens of greedy decoding.
SHORT = "Let every thing that hath breath praise the LORD. Praise ye"
NEAR = 2e-3  # scores of float32 states of one program and float64 ones of another


class Found:
    """One continuation as contrastive --tokens prints it."""

    def __init__(self, alpha, k, logprob, penalty, spread, length, tokens):
        self.alpha = float(alpha)
        self.k = int(k)
        self.logprob = float(logprob)
        self.penalty = float(penalty)
        self.spread = float(spread)
        self.tokens = [int(token) for token in tokens.split()]
        assert len(self.tokens) == int(length)


FOUND = re.compile(r"^  alpha (\S+), k (\d+): log-probability (\S+), penalty (\S+), "
                   r"spread (\S+), (\d+) tokens\n(?: {8}.*\n)+     tokens:(.*)\n", re.MULTILINE)


def search(*arguments, prompts=PROMPTS):
    """What contrastive finds: prompt -> continuations."""
    out = run("contrastive", "--tokens", *arguments, *prompts).stdout
    blocks = out.split("\n\n")
    assert [block.split(" ...\n")[0] for block in blocks] == list(prompts)
    found = {}
    for prompt, block in zip(prompts, blocks):
        block = block.rstrip("\n") + "\n"
        found[prompt] = [Found(*groups) for groups in FOUND.findall(block)]
        assert len(found[prompt]) == len(re.findall(r"^  alpha ", block, re.MULTILINE)) > 0
    return found


def normed(states):
    return states / np.linalg.norm(states, axis=-1, keepdims=True)


def check_choices(prompt, found, window=0):
    """Every token has the best score, by NumPy, of the k most probable ones."""
    before = [0, *lm.TOKENIZER.encode(prompt.encode())]
    context = normed(lm.hidden(before + found.tokens))
    logprobs = lm.logprobs(before + found.tokens)
    logprob = penalties = spreads = 0
    for i, token in enumerate(found.tokens):
        length = len(before) + i
        probs = np.exp(logprobs[length - 1])
        candidates = np.argsort(-probs, kind="stable")[:found.k]
        states = normed(np.array([lm.hidden(before + found.tokens[:i] + [candidate])[-1]
                                  for candidate in candidates.tolist()]))
        begin = max(0, length - window) if window else 0
        penalty = (states @ context[begin:length].T).max(-1)
        scores = (1 - found.alpha) * probs[candidates] - found.alpha * penalty
        [chosen] = np.flatnonzero(candidates == token)
        assert scores[chosen] > scores.max() - NEAR
        logprob += logprobs[length - 1][token]
        penalties += penalty[chosen] / len(found.tokens)
        spreads += (penalty.max() - penalty.min()) / len(found.tokens)
    assert found.logprob == pytest.approx(logprob, abs=0.01)
    assert found.penalty == pytest.approx(penalties, abs=2e-3)
    assert found.spread == pytest.approx(spreads, abs=2e-3)


# --- contrastive --------------------------------------------------------------------------


def test_alpha_0_is_greedy():
    """Token for token what the beam search of one beam finds."""
    length = 20 if SANITIZED else 60
    found = search("--alpha", 0, "--length", length)
    out = run("beam", "--tokens", "--width", 1, "--length-penalty", 0, "--length", length,
              *PROMPTS).stdout
    greedy = [[int(token) for token in line.split()]
              for line in re.findall(r"^     tokens:(.*)$", out, re.MULTILINE)]
    assert [one.tokens for [one] in found.values()] == greedy
    for prompt, [one] in found.items():
        assert is_greedy(prompt, one.tokens) and has_ended(one.tokens, length)


def test_one_candidate_is_greedy():
    for prompt, found in search("--alpha", 0.9, "--k", 1, "--length", LENGTH).items():
        assert is_greedy(prompt, found[0].tokens) and found[0].spread == 0


@pytest.mark.parametrize("arguments, window", [
    ([], 0), (["--alpha", 0.3, "--k", 3], 0), (["--alpha", 1, "--k", 8], 0),
    (["--alpha", 0.7, "--window", 4], 4)])
def test_choices_are_the_best(arguments, window):
    for prompt, [found] in search(*arguments, "--length", 6).items():
        check_choices(prompt, found, window)
        assert has_ended(found.tokens, 6)


def test_text_is_that_of_the_tokens():
    out = run("contrastive", "--tokens", "--length", LENGTH, MAN).stdout
    [(tokens, )] = [groups[-1:] for groups in FOUND.findall(out)]
    text = MAN + lm.TOKENIZER.decode([int(token) for token in tokens.split()]).decode()
    shown = [line.strip() for line in out.splitlines() if line.startswith(" " * 8)]
    assert " ".join(" ".join(shown).split()) == " ".join(text.split())


def test_requests_leave_each_other_alone():
    """Each has an alpha and a k of its own, and one prompt's text ends before the others'."""
    prompts = [DAYS, SHORT, MAN]
    together = search("--alpha", 0, "--alpha", 0.7, "--k", 3, "--k", 6, "--length", LENGTH,
                      prompts=prompts)
    assert len(together[SHORT][0].tokens) < LENGTH == len(together[MAN][0].tokens)
    settings = [(0, 3), (0, 6), (0.7, 3), (0.7, 6)]
    for i, (alpha, k) in enumerate(settings):
        prompt = prompts[i % len(prompts)]
        assert [(one.alpha, one.k) for one in together[prompt]] == settings
        [alone] = search("--alpha", alpha, "--k", k, "--length", LENGTH,
                         prompts=[prompt])[prompt]
        assert vars(alone) == vars(together[prompt][i])


def test_contrastive_repeats_less_than_greedy():
    """Not a law, but so for these prompts."""
    for greedy, contrastive in search("--alpha", 0, "--alpha", 0.6, "--length",
                                      40 if SANITIZED else 120).values():
        assert STUDY.repeated(contrastive.tokens, 4) < STUDY.repeated(greedy.tokens, 4)


def test_contrastive_says_the_same_twice():
    first = run("contrastive", "--length", 12, "--alpha", 0.5, "--alpha", 0.6).stdout
    assert first.count(" ...\n") == 3
    assert run("contrastive", "--length", 12, "--alpha", 0.5, "--alpha", 0.6).stdout == first


def test_odd_prompts():
    """None at all, and bytes that are no text."""
    out = run("contrastive", "--length", 3, "", "\x1b[31m\u00e9").stdout
    assert out.count("log-probability") == 2
    assert "        ?[31m??" in out


@pytest.mark.parametrize("option, value", [
    ("--k", "0"), ("--k", "65"), ("--k", "4x"), ("--k", ""), ("--length", "0"),
    ("--length", "256"), ("--length", "-1"), ("--alpha", "0,5"), ("--alpha", ""),
    ("--window", "-1"), ("--window", "x")])
def test_options_that_cannot_be(option, value):
    err = fails("contrastive", [option, f'"{value}"'], f"{option}={value}")
    assert err.startswith("contrastive: ") and err.count("\n") == 1


@pytest.mark.parametrize("arguments, parts", [
    (["--alpha", "1.5"], ["params.alpha", "1.5"]),
    (["--alpha", "nan"], ["params.alpha", "nan"]),
    (["--alpha", "0"] * 9, ["--alpha", "0"]),
    (["--length", 254, MAN], ["prompt", "256"]),
    (["word " * 300], ["prompt", "256"]),
    (["--device", "no such device"], ["cannot open a device", "no such device"]),
])
def test_contrastive_says_what_is_wrong(arguments, parts):
    err = fails("contrastive", parts, *arguments)
    assert err.startswith("contrastive: ") and err.count("\n") == 1


@pytest.mark.parametrize("name", ["contrastive", "contrastive_study"])
def test_usage(name, tmp_path):
    assert run(name, "--help").stdout.startswith(f"usage: {name} ")
    fails(name, ["unknown", "usage"], "--unknown")
    fails(name, ["requires an argument", "usage"], "--length")
    err = fails(name, "absent", model="absent", cwd=tmp_path)
    assert err.startswith(f"{name}: ") and err.count("\n") == 1


# --- The study ----------------------------------------------------------------------------


def load_study():
    file = ROOT / "examples" / "contrastive_study.py"
    spec = importlib.util.spec_from_file_location("contrastive_study", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STUDY = load_study()


def test_repetitions():
    assert STUDY.repeated([1, 2, 1, 2, 1], 2) == 50
    assert STUDY.repeated([7] * 11, 2) == 90
    assert STUDY.repeated([1, 2, 3, 4], 3) == 0
    assert STUDY.repeated([1, 2], 3) == 0


def test_study_continues_what_it_is_told_to():
    words = ["--first", 24, "--prompts", 3, "--length", 6]  # in two batches
    lines = run("contrastive_study", *words).stdout.splitlines()
    rows = list(csv.DictReader(lines))
    strategies = list(dict.fromkeys(row["strategy"] for row in rows))
    assert len(strategies) == 8
    assert [(row["strategy"], row["prompt"]) for row in rows] == [
        (strategy, str(prompt)) for strategy in strategies for prompt in (24, 25, 26)]
    for row in rows:
        assert has_ended([int(token) for token in row["tokens"].split()], 6)
        assert bool(row["spread"]) == row["strategy"].startswith("contrastive")


@pytest.mark.skipif(SANITIZED, reason="takes minutes there")
def test_figures_are_what_the_study_finds():
    lines = run("contrastive_study", "--first", 49, "--prompts", 2).stdout.splitlines()
    found = STUDY.csv_text(STUDY.measured(lines)).splitlines()
    kept = STUDY.FIGURES.read_text(encoding="ascii").splitlines()
    assert set(found) <= set(kept) and len(found) == 1 + 8 * 2 and len(kept) == 1 + 8 * 100


def test_page_shows_the_figures():
    texts = STUDY.read_texts(STUDY.FIGURES)
    assert STUDY.csv_text(texts) == STUDY.FIGURES.read_text(encoding="ascii")
    assert STUDY.page_text(texts) == STUDY.PAGE.read_text(encoding="utf-8")
    picture = STUDY.PICTURE.read_text(encoding="utf-8")
    for mean in STUDY.means(texts):
        assert mean.strategy in picture


def test_contrastive_search_keeps_its_promise():
    """Less repetition than greedy decoding and beam search, more probable than sampling."""
    means = {mean.strategy: mean for mean in STUDY.means(STUDY.read_texts(STUDY.FIGURES))}
    contrastive = means["contrastive, alpha 0.6"]
    for name in ["greedy", "beam search, width 4"]:
        assert contrastive.diversity > 10 * means[name].diversity
    for name in ["top-k 50", "top-p 0.95"]:
        assert contrastive.logprob > means[name].logprob


@pytest.mark.parametrize("arguments", [
    ["--length", 0], ["--length", 201], ["--prompts", 0], ["--first", -1], ["more"]])
def test_study_options_that_cannot_be(arguments):
    fails("contrastive_study", "usage: contrastive_study", *arguments)


def test_study_without_prompts(tmp_path):
    for name in ["model.safetensors", "tokenizer.json"]:
        (tmp_path / name).symlink_to(MODEL / name)
    words = [EXAMPLES / "contrastive_study", "--model", tmp_path]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1
    assert "held_out_prompts.txt" in done.stderr
