"""Models are made once for all tests."""

import functools
import logging

import models
import pytest

logging.getLogger("transformers").setLevel(logging.ERROR)
_made = functools.lru_cache(None)(models.model_of)


@pytest.fixture(params=["llama", "gpt2", "t5"])
def name(request):
    return request.param


@pytest.fixture
def model(name):
    return _made(name)


@pytest.fixture
def inputs(name):
    return models.prompts(name)


@pytest.fixture
def llama():
    return _made("llama")


@pytest.fixture
def others():
    return {name: _made(name) for name in ("mamba", "qwen3")}
