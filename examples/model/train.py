#!/usr/bin/env python3
"""Trains the example model and writes tokenizer.json and model.safetensors beside itself.

    pip install torch numpy safetensors     (and see corpus.py for the text)
    python3 train.py --compile

Needs PyTorch 2.0 or newer; without --compile it takes half as long again. README.md says what
came out.
"""
import argparse
import math
import os
import time

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

import bpe
import corpus
import network

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH = 16
PEAK_RATE = 2e-3
WARM_UP = 0.02  # part of the run
WEIGHT_DECAY = 0.1


def to_stream(tokenizer, chapters):
    """All chapters as one row of tokens, each opened and the last closed by end-of-text."""
    tokens = [bpe.END_OF_TEXT]
    for chapter in chapters:
        tokens += tokenizer.encode(chapter.encode()) + [bpe.END_OF_TEXT]
    return torch.from_numpy(np.array(tokens, dtype=np.int64))


def epochs(stream, generator):
    """Endless batches of windows; every epoch cuts the stream at a new offset."""
    window = network.CONTEXT
    while True:
        offset = int(torch.randint(window, (1,), generator=generator))
        starts = torch.arange(offset, len(stream) - window - 1, window)
        starts = starts[torch.randperm(len(starts), generator=generator)]
        for batch in starts[: len(starts) // BATCH * BATCH].split(BATCH):
            yield stream[batch[:, None] + torch.arange(window + 1)]


@torch.no_grad()
def held_out_loss(net, stream):
    """Mean nats a token. Every window starts cold, with no tokens before it."""
    net.eval()
    total = 0.0
    count = len(stream) - 1
    for start in range(0, count, network.CONTEXT):
        window = stream[start : start + network.CONTEXT + 1]
        logits = net(window[None, :-1])[0]
        total += F.cross_entropy(logits, window[1:], reduction="sum").item()
    net.train()
    return total / count


def save(net, path):
    """Weights as float16; the rotation tables as float32, so no reader needs sin and cos."""
    tensors = {name: p.detach().half().contiguous() for name, p in net.named_parameters()}
    tensors["rope_cos"] = net.rope_cos.contiguous()
    tensors["rope_sin"] = net.rope_sin.contiguous()
    about = {"layers": str(network.LAYERS), "heads": str(network.HEADS),
             "norm_eps": str(network.NORM_EPS)}
    save_file(tensors, path + ".part", metadata=about)
    os.chmod(path + ".part", 0o644)
    os.replace(path + ".part", path)


def make_optimizer(net):
    matrices = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY},
              {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98))


def rate_at(done):
    if done < WARM_UP:
        return PEAK_RATE * done / WARM_UP
    swing = (done - WARM_UP) / (1.0 - WARM_UP)
    return PEAK_RATE * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * swing)))


def train(net, train_stream, held_out, args):
    def loss_of(tokens):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = net(tokens[:, :-1])
        return F.cross_entropy(logits.float().flatten(0, 1), tokens[:, 1:].flatten())

    step_loss = torch.compile(loss_of) if args.compile else loss_of
    optimizer = make_optimizer(net)
    batches = epochs(train_stream, torch.Generator().manual_seed(args.seed))
    step_loss(next(batches)).backward()  # compiles, outside the measured time
    limit = args.minutes * 60.0
    begin = time.monotonic()
    checked, steps, best, seen = begin, 0, math.inf, 0.0
    now = begin
    while now - begin < limit:
        for group in optimizer.param_groups:
            group["lr"] = rate_at((now - begin) / limit)
        optimizer.zero_grad()
        loss = step_loss(next(batches))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        steps += 1
        seen += (loss.item() - seen) / min(steps, 100)
        now = time.monotonic()
        if now - checked > args.check_every or now - begin >= limit:
            held = held_out_loss(net, held_out)
            passes = steps * BATCH * network.CONTEXT / len(train_stream)
            print(f"{now - begin:6.0f} s  {passes:5.2f} epochs  train {seen:.3f}"
                  f"  held out {held:.4f}", flush=True)
            if held < best:
                best = held
                save(net, args.out)
            checked = time.monotonic()


def report(tokenizer, chapters, path):
    """Measures the saved float16 weights on the held-out chapters."""
    net = network.Network()
    net.load_state_dict({k: v.float() for k, v in load_file(path).items()})
    stream = to_stream(tokenizer, chapters)
    nats = held_out_loss(net, stream)
    total = nats * (len(stream) - 1)
    text = "".join(chapters)
    print(f"held out: {len(chapters)} chapters, {len(text)} bytes, {len(text.split())} words,"
          f" {len(stream) - 1} tokens")
    print(f"perplexity {math.exp(nats):.2f} a token ({nats:.4f} nats),"
          f" {math.exp(total / len(text.split())):.2f} a word,"
          f" {total / math.log(2) / len(text):.4f} bits a byte")
    print(f"parameters {sum(p.numel() for p in net.parameters())},"
          f" file {os.path.getsize(path)} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--dropout", type=float, default=0.25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check-every", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--report-only", action="store_true", help="measure what is there")
    parser.add_argument("--out", default=os.path.join(HERE, "model.safetensors"))
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    learn, held_out = corpus.split_chapters(corpus.read_chapters())
    tokens_at = os.path.join(HERE, "tokenizer.json")
    if not os.path.exists(tokens_at):
        bpe.Tokenizer(bpe.learn_merges(learn, network.VOCAB)).save(tokens_at)
    tokenizer = bpe.Tokenizer.load(tokens_at)
    if not args.report_only:
        net = network.Network(args.dropout)
        train(net, to_stream(tokenizer, learn), to_stream(tokenizer, held_out), args)
    report(tokenizer, held_out, args.out)


if __name__ == "__main__":
    main()
