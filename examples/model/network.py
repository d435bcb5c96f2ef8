"""The example model: a small decoder-only transformer. examples/lm.c computes the same."""
import math

import torch
from torch import nn
from torch.nn import functional as F

VOCAB = 8192
WIDTH = 192
HEADS = 6
LAYERS = 5
HIDDEN = 512
CONTEXT = 256
ROPE_BASE = 10000.0
NORM_EPS = 1e-5


def rope_tables():
    """cos and sin of position * frequency, one row a position."""
    half = WIDTH // HEADS // 2
    frequency = ROPE_BASE ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.outer(torch.arange(CONTEXT, dtype=torch.float64), frequency)
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + NORM_EPS) * self.weight


class Layer(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.attention_norm = Norm()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.attention_out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.mlp_norm = Norm()
        self.gate_up = nn.Linear(WIDTH, 2 * HIDDEN, bias=False)
        self.down = nn.Linear(HIDDEN, WIDTH, bias=False)
        self.dropout = nn.Dropout(dropout)

    def attend(self, x, cos, sin):
        batch, length, _ = x.shape
        shape = (batch, length, 3, HEADS, WIDTH // HEADS)
        q, k, v = self.qkv(x).view(shape).permute(2, 0, 3, 1, 4)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        y = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, is_causal=True)
        return self.attention_out(y.transpose(1, 2).reshape(batch, length, WIDTH))

    def forward(self, x, cos, sin):
        x = x + self.dropout(self.attend(self.attention_norm(x), cos, sin))
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, dim=-1)
        return x + self.dropout(self.down(F.silu(gate) * up))


class Network(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, WIDTH)
        self.layers = nn.ModuleList(Layer(dropout) for _ in range(LAYERS))
        self.final_norm = Norm()
        self.dropout = nn.Dropout(dropout)
        cos, sin = rope_tables()
        self.register_buffer("rope_cos", cos)
        self.register_buffer("rope_sin", sin)
        self.apply(self.initialise)

    @staticmethod
    def initialise(module):
        if isinstance(module, Layer):
            for last in (module.attention_out, module.down):
                nn.init.normal_(last.weight, std=0.02 / math.sqrt(2 * LAYERS))
            nn.init.normal_(module.qkv.weight, std=0.04)
            nn.init.normal_(module.gate_up.weight, std=0.04)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.04)

    def hidden(self, tokens):
        """What the output embedding is multiplied with, for every position."""
        length = tokens.shape[1]
        cos, sin = self.rope_cos[:length], self.rope_sin[:length]
        x = self.dropout(self.embedding(tokens))
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.final_norm(x)

    def forward(self, tokens):
        return F.linear(self.hidden(tokens), self.embedding.weight)
