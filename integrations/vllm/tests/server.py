"""vLLM's own batch of requests (InputBatch) and what its model runner does with it in a step,
without a model: logits come from the test.

Two compiled operators of vLLM's CPU build are not in PyPI's wheel, and have stand-ins here:
greedy_argmax (PyTorch's argmax) and fused_gumbel_argmax (forward_native() in the place of
forward_cpu(): vLLM's own for other devices). All else that is compared with is vLLM's code."""

import types

import numpy as np
import torch
from lmsample_vllm._batch import Batch
from lmsample_vllm._sampler import LmsampleSampler
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import BUILTIN_LOGITS_PROCESSORS, LogitsProcessors
from vllm.v1.worker.gpu_input_batch import CachedRequestState, InputBatch

CPU = torch.device("cpu")


class NativeSampler(LmsampleSampler.__mro__[1]):
    """vLLM's own, also where the plug-in was registered."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.topk_topp_sampler.forward = self.topk_topp_sampler.forward_native

    @staticmethod
    def greedy_sample(logits):
        return logits.argmax(dim=-1).view(-1)


class OurSampler(LmsampleSampler):
    """For steps that go to vLLM's code."""

    greedy_sample = staticmethod(NativeSampler.greedy_sample)

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.topk_topp_sampler.forward = self.topk_topp_sampler.forward_native


def config(vocab, max_rows, max_length):
    return types.SimpleNamespace(
        model_config=types.SimpleNamespace(
            get_vocab_size=lambda: vocab, max_model_len=max_length
        ),
        scheduler_config=types.SimpleNamespace(max_num_seqs=max_rows),
        speculative_config=None,
    )


def processors(vocab, max_rows, max_length, more=(), tracker=True):
    kinds = [kind for kind in BUILTIN_LOGITS_PROCESSORS if kind is not Batch]
    kinds += [Batch] * tracker + list(more)
    settings = config(vocab, max_rows, max_length)
    return LogitsProcessors(kind(settings, CPU, False) for kind in kinds)


class Server:
    """`device_batch` is the model runner's; requests are named."""

    def __init__(self, vocab, max_rows=16, max_length=512, more=(), tracker=True):
        self.vocab = vocab
        self.requests = {}
        self.batch = InputBatch(
            max_num_reqs=max_rows,
            max_model_len=max_length,
            max_num_batched_tokens=max_length,
            device=CPU,
            vocab_size=vocab,
            block_sizes=[16],
            max_num_blocks_per_req=[max_length // 16 + 1],
            logitsprocs=processors(vocab, max_rows, max_length, more, tracker),
            logitsprocs_need_output_token_ids=bool(more),
        )

    def add(self, name, prompt, output=(), stop=(), bad_words=None, **params):
        """As GPUModelRunner._update_states() does it."""
        made = SamplingParams(**params)
        made._all_stop_token_ids = set(stop)
        if bad_words:
            made._bad_words_token_ids = bad_words
        generator = None
        if made.seed is not None and made.temperature > 0:
            generator = torch.Generator(device=CPU)
            generator.manual_seed(made.seed)
        self.requests[name] = CachedRequestState(
            req_id=name,
            prompt_token_ids=list(prompt),
            mm_features=[],
            sampling_params=made,
            generator=generator,
            block_ids=([0],),
            num_computed_tokens=0,
            output_token_ids=list(output),
        )
        self.resume(name)

    def resume(self, name):
        self.batch.add_request(self.requests[name])

    def preempt(self, name):
        """Out of the batch, to come back with the tokens that it has."""
        self.batch.remove_request(name)

    def finish(self, name):
        self.batch.remove_request(name)
        del self.requests[name]

    def metadata(self):
        self.batch.condense()
        self.batch.refresh_metadata()
        return self.batch.sampling_metadata

    def names(self):
        return list(self.batch.req_ids)

    def take(self, output, discard=()):
        """The model runner's bookkeeping: tokens are appended to the requests' lists."""
        tokens = output.sampled_token_ids[:, 0].tolist()
        for name, token in zip(self.names(), tokens):
            if name not in discard:
                self.requests[name].output_token_ids.append(token)
        return dict(zip(self.names(), tokens))

    def step(self, sampler, logits, discard=()):
        return self.take(sampler(logits, self.metadata()), discard)


def random_logits(random, rows, vocab, scale=3.0, dtype=torch.float32):
    values = random.standard_normal((rows, vocab)).astype(np.float32) * scale
    return torch.from_numpy(values).to(dtype)
