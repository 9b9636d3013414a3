"""argv: `read FILE` prints the tensors of a safetensors file, as dtype, shape and bytes in hexadecimal, in JSON;
`write FOLDER` writes the same tensors as state.pth and, where that package is there, state.safetensors, and prints them;
`load FILE` does as `read`, by the package safetensors."""

import json
import struct
import sys


def read(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    header.pop("__metadata__", None)
    fields = {name: (e["dtype"], e["shape"], data[slice(*e["data_offsets"])].hex()) for name, e in header.items()}
    print(json.dumps(fields))


def described(state):
    import torch

    codes = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int64: "I64", torch.uint8: "U8", torch.bool: "BOOL"}
    raw = {name: bytes(t.contiguous().flatten().view(torch.uint8).tolist()).hex() for name, t in state.items()}
    print(json.dumps({name: (codes[t.dtype], list(t.shape), raw[name]) for name, t in state.items()}))


def write(folder):
    import torch

    torch.manual_seed(0)
    state = {
        "weight": torch.randn(8, 3, 5, 5),
        "strided": torch.randn(6, 4).to(torch.bfloat16)[1::2].t(),
        "count": torch.tensor(2**60),
        "bytes": torch.arange(255, dtype=torch.uint8),
        "flags": torch.tensor([True, False, True]),
        "large": torch.randn(1000, 300),
    }
    torch.save(state, f"{folder}/state.pth")
    try:
        from safetensors.torch import save_file

        save_file({name: tensor.contiguous() for name, tensor in state.items()}, f"{folder}/state.safetensors")
    except ImportError:
        pass
    described(state)


def load(path):
    from safetensors.torch import load_file

    described(load_file(path))


{"read": read, "write": write, "load": load}[sys.argv[1]](sys.argv[2])
