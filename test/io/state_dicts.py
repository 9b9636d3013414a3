"""argv: `read FILE` prints the tensors of a safetensors file, as dtype, shape and bytes in hexadecimal, in JSON;
`write FOLDER` writes the same tensors as state.pth and, where that package is there, state.safetensors, and prints them;
`load FILE` does as `read`, by the package safetensors; `train FOLDER` writes a checkpoint of a training, checkpoint.pth,
with a network under DataParallel, its optimizer and the epoch, and prints the network's tensors."""

import json
import struct
import sys


# Those that the package safetensors 0.8 has.
CODES = {
    "torch.float64": "F64",
    "torch.float32": "F32",
    "torch.float16": "F16",
    "torch.bfloat16": "BF16",
    "torch.int64": "I64",
    "torch.int32": "I32",
    "torch.int16": "I16",
    "torch.int8": "I8",
    "torch.uint64": "U64",
    "torch.uint32": "U32",
    "torch.uint16": "U16",
    "torch.uint8": "U8",
    "torch.bool": "BOOL",
    "torch.complex64": "C64",
    "torch.float8_e4m3fn": "F8_E4M3",
    "torch.float8_e5m2": "F8_E5M2",
    "torch.float8_e4m3fnuz": "F8_E4M3FNUZ",
    "torch.float8_e5m2fnuz": "F8_E5M2FNUZ",
    "torch.float8_e8m0fnu": "F8_E8M0",
}


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

    raw = {name: bytes(t.contiguous().flatten().view(torch.uint8).tolist()).hex() for name, t in state.items()}
    print(json.dumps({name: (CODES[str(t.dtype)], list(t.shape), raw[name]) for name, t in state.items()}))


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
        "row": torch.randn(4, 1, 6)[:, :, 2],
    }
    numbers = torch.tensor([[0.0, 1.0, 2.0], [4.0, 8.0, 16.0]])
    state |= {code: numbers.to(getattr(torch, name.removeprefix("torch."))) for name, code in CODES.items()}
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


def train(folder):
    import torch

    network = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Conv2d(8, 8, 3))
    network = network.to(memory_format=torch.channels_last)
    parallel = torch.nn.DataParallel(network)
    optimizer = torch.optim.AdamW(parallel.parameters())
    parallel(torch.randn(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    checkpoint = {"model": parallel.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "rng": torch.get_rng_state()}
    torch.save(checkpoint, f"{folder}/checkpoint.pth")
    described(network.state_dict())


{"read": read, "write": write, "load": load, "train": train}[sys.argv[1]](sys.argv[2])
