"""The example model's folder: what is refused."""

import json
import os
import shutil
import struct

import pytest

import example_programs as examples
import language_model as lm


@pytest.fixture
def folder(tmp_path):
    """A copy of the model's folder that may be damaged."""
    made = tmp_path / "model"
    made.mkdir()
    for name in ["model.safetensors", "tokenizer.json"]:
        shutil.copyfile(lm.FOLDER / name, made / name)
    return made


@pytest.fixture
def refused(folder):
    """refused(part, ...): the demo ends with an error that has the parts."""

    def run(*parts):
        return examples.fails("demo", parts, "--compare", 0, model=folder)

    return run


def rewrite(folder, change):
    """Changes the header of the safetensors file: change(header) edits it or returns bytes."""
    path = folder / "model.safetensors"
    header, data = lm.split_safetensors(path.read_bytes())
    path.write_bytes(lm.join_safetensors(change(header) or header, data))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_missing_file(refused, folder, name):
    (folder / name).unlink()
    refused(name, "No such file")


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_folder_in_place_of_a_file(refused, folder, name):
    (folder / name).unlink()
    (folder / name).mkdir()
    refused(name)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("size", [0, 7, 8, 9, 500, 50000])
def test_truncated(refused, folder, name, size):
    os.truncate(folder / name, size)
    refused(name)


def test_last_byte_is_missing(refused, folder):
    path = folder / "model.safetensors"
    os.truncate(path, path.stat().st_size - 1)
    refused("tensor", "model.safetensors")


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**32 + 100, 2**63, 2**64 - 1, 2**64 - 8])
def test_lying_header_length(refused, folder, length):
    path = folder / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(struct.pack("<Q", length) + data[8:])
    refused("model.safetensors")


@pytest.mark.parametrize("field, value", [
    ("data_offsets", [0, 10**30]), ("data_offsets", [-384, 0]), ("data_offsets", [0.5, 384.5]),
    ("data_offsets", [384, 0]), ("data_offsets", [0]), ("data_offsets", "0"),
    ("data_offsets", {"0": 0}), ("data_offsets", [0, 2**62]), ("data_offsets", [True, 384]),
    ("shape", [0]), ("shape", [-192]), ("shape", [2**32, 2**32]), ("shape", [1, 1, 192]),
    ("shape", []), ("shape", ["192"]), ("shape", [192.0]), ("shape", None), ("shape", [191]),
    ("dtype", "F64"), ("dtype", "F32"), ("dtype", 16), ("dtype", None), ("dtype", "F16\0"),
])
def test_lying_tensor(refused, folder, field, value):
    def change(header):
        header["final_norm.weight"][field] = value

    rewrite(folder, change)
    # json-c 0.18 (Debian 13) takes no integer of more than 64 bits: that is no JSON to it.
    too_long = value == [0, 10**30]
    refused("model.safetensors", "" if too_long else "final_norm.weight")


def test_tensors_that_share_their_bytes(refused, folder):
    """A small file must not become a large model."""
    def change(header):
        for layer in range(250):
            for part in ["attention_norm", "qkv", "attention_out", "mlp_norm", "gate_up", "down"]:
                header[f"layers.{layer}.{part}.weight"] = header[f"layers.0.{part}.weight"]
        header["__metadata__"]["layers"] = "250"

    rewrite(folder, change)
    refused("overlap")


@pytest.mark.parametrize("key, value", [
    ("heads", "7"), ("heads", "0"), ("heads", "nan"), ("heads", "6x"), ("heads", 6),
    ("heads", ""), ("layers", "6"), ("layers", "1e9"), ("layers", None), ("norm_eps", "-1"),
    ("norm_eps", "inf"),
])
def test_lying_metadata(refused, folder, key, value):
    def change(header):
        header["__metadata__"][key] = value

    rewrite(folder, change)
    refused("model.safetensors")


@pytest.mark.parametrize("text", [
    b"[]", b"7", b"null", b"{", b"{}", b"{} x", b"[" * 100000, b'{"a":' * 100000, b"\0",
    b'{"a": 1, "a": 1}', b"{'a': 1}", b'{"a": 01}', b'{"a": 1,}', b'{"a": "\xff"}',
    b'{"a": /* */ 1}', b'{"a": 1}\0',
], ids=range(16))
def test_header_that_is_no_json_object(refused, folder, text):
    rewrite(folder, lambda header: text)
    refused("model.safetensors")


def test_duplicate_keys_deep_inside(refused, folder):
    def change(header):
        text = json.dumps(header)
        return text.replace('"dtype": "F32"', '"dtype": "F32", "dtype": "F32"', 1).encode()

    rewrite(folder, change)
    refused("model.safetensors", "twice")


@pytest.mark.parametrize("text", [
    "", "[]", "{}", '{"merges": 7}', '{"merges": {}}', '{"merges": [7]}', '{"merges": []}',
    '{"merges": [[1]]}', '{"merges": [[1, 2, 3]]}', '{"merges": [[0, 1]]}',
    '{"merges": [[-1, 5]]}', '{"merges": [[1, 257]]}', '{"merges": [[1.5, 2]]}',
    '{"merges": [["1", "2"]]}', '{"merges": [[99999999999999999999, 2]]}', '{"merges": [null]}',
    '{"merges": [[1, 2]]} []', '{"merges": [[1, 2]], "merges": [[1, 2]]}',
    '{"merges": ' + "[" * 100000, '{"merges": [' + "[1, 2]," * 300000 + "[1, 2]]}",
], ids=range(20))
def test_tokenizer_that_is_none(refused, folder, text):
    (folder / "tokenizer.json").write_text(text)
    refused("tokenizer.json")


def test_merges_that_double_without_end(refused, folder):
    """Each merge is the one before with itself: texts of 2^k bytes."""
    merges = [[1, 1]] + [[257 + i, 257 + i] for i in range(7934)]
    (folder / "tokenizer.json").write_text(json.dumps({"merges": merges}))
    refused("tokenizer.json")


def test_one_merge_too_few(refused, folder):
    path = folder / "tokenizer.json"
    merges = json.loads(path.read_text())["merges"]
    path.write_text(json.dumps({"merges": merges[:-1]}))
    refused("8191", "8192")
