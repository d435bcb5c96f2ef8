"""SGLang's own SamplingBatchInfo and Sampler, as the model runner calls them; the logits are
the test's."""

import numpy as np
import torch
from lmsample_sglang._sampler import LmsampleSampler
from sglang.srt.layers.logits_processor import LogitsProcessorOutput
from sglang.srt.layers.sampler import Sampler
from sglang.srt.runtime_context import get_exec
from sglang.srt.sampling.sampling_batch_info import SamplingBatchInfo
from sglang.srt.sampling.sampling_params import TOP_K_ALL, SamplingParams


def info(vocab, requests, deterministic=True, **more):
    """As SamplingBatchInfo.from_schedule_batch() makes it, of keywords of SamplingParams."""
    params = [SamplingParams(**request) for request in requests]

    def column(name, dtype=torch.float):
        return torch.tensor([getattr(p, name) for p in params], dtype=dtype)

    seeds = [42 if p.sampling_seed is None else p.sampling_seed for p in params]
    return SamplingBatchInfo(
        temperatures=column("temperature").view(-1, 1),
        top_ps=column("top_p"),
        top_ks=column("top_k", torch.int32),
        min_ps=column("min_p"),
        sampling_seed=torch.tensor(seeds, dtype=torch.int64) if deterministic else None,
        is_all_greedy=all(p.top_k <= 1 for p in params),
        is_any_greedy=any(p.top_k <= 1 for p in params),
        need_top_p_sampling=any(p.top_p != 1.0 for p in params),
        need_top_k_sampling=any(p.top_k != TOP_K_ALL for p in params),
        need_min_p_sampling=any(p.min_p > 0 for p in params),
        vocab_size=vocab,
        device="cpu",
        **more,
    )


def run(sampler, logits, batch, positions, logprob=False, tops=None, named=None):
    """The tokens, and the output with what else was written."""
    rows = len(logits)
    output = LogitsProcessorOutput(next_token_logits=logits.clone())
    batch.apply_logits_bias(output.next_token_logits)
    tokens = sampler(
        output,
        batch,
        logprob,
        tops or [0] * rows,
        named or [None] * rows,
        torch.as_tensor(positions, dtype=torch.int64).expand(rows),
    )
    return tokens, output


def ours():
    return LmsampleSampler()


class Theirs(Sampler):
    """SGLang's own, with its backend for CPUs."""

    def forward(self, *arguments, **more):
        with get_exec().kernel.override(sampling_backend="pytorch"):
            return super().forward(*arguments, **more)


def random_logits(random, rows, vocab, scale=3.0):
    return torch.from_numpy(random.standard_normal((rows, vocab)).astype(np.float32) * scale)
