"""Tiny random models of several architectures, in float32 on the CPU."""

import torch
import transformers as hf

V = 503
END = (5, 17)


def _llama():
    return hf.LlamaForCausalLM(
        hf.LlamaConfig(
            vocab_size=V,
            hidden_size=48,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=256,
            initializer_range=0.3,
        )
    )


def _gpt2():
    return hf.GPT2LMHeadModel(
        hf.GPT2Config(
            vocab_size=V, n_positions=256, n_embd=48, n_layer=2, n_head=4, initializer_range=0.2
        )
    )


def _t5():
    return hf.T5ForConditionalGeneration(
        hf.T5Config(
            vocab_size=V,
            d_model=48,
            d_kv=12,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            decoder_start_token_id=0,
            initializer_factor=3.0,
            feed_forward_proj="gated-gelu",
        )
    )


def _mamba():
    return hf.MambaForCausalLM(
        hf.MambaConfig(vocab_size=V, hidden_size=48, state_size=8, num_hidden_layers=2)
    )


def _qwen():
    return hf.Qwen3ForCausalLM(
        hf.Qwen3Config(
            vocab_size=V,
            hidden_size=48,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=12,
            max_position_embeddings=256,
            initializer_range=0.3,
        )
    )


MODELS = {"llama": _llama, "gpt2": _gpt2, "t5": _t5, "mamba": _mamba, "qwen3": _qwen}


def model_of(name):
    torch.manual_seed(len(name))
    model = MODELS[name]().eval()
    model.generation_config = hf.GenerationConfig(
        pad_token_id=0, eos_token_id=None, decoder_start_token_id=0
    )
    return model


def prompts(name, rows=4, length=7, pads=True):
    """input_ids and attention_mask, padded on the left (on the right of encoders)."""
    torch.manual_seed(11)
    ids = torch.randint(20, V, (rows, length))
    mask = torch.ones_like(ids)
    if pads and name != "mamba":
        for row in range(1, rows):
            begin = slice(0, row) if name != "t5" else slice(length - row, length)
            ids[row, begin], mask[row, begin] = 0, 0
    return {"input_ids": ids, "attention_mask": mask}
