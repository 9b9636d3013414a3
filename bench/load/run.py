"""argv: HOW PATH; what run.ts does, by PyTorch and the package safetensors. `convert` writes the file as .pth too."""

import json
import os
import re
import sys
import time

import torch
from safetensors.torch import load_file, save_file


def load(path, backend="mmap"):
    if path.endswith(".pth"):
        return torch.load(path, weights_only=True)
    return load_file(path, backend=backend)


def touch(state):
    """Reads a byte of every page."""
    for value in state.values():
        value.flatten().view(torch.uint8)[::4096].sum()


class Bottleneck(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(2048, 512, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(512)
        self.conv2 = torch.nn.Conv2d(512, 512, 3, padding=1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(512)
        self.conv3 = torch.nn.Conv2d(512, 2048, 1, bias=False)
        self.bn3 = torch.nn.BatchNorm2d(2048)


def make_model(path):
    """The network of bottlenecks.ts, with kernels in the same layout as there."""
    count = sum(name.endswith("conv1.weight") for name in load(path))
    model = torch.nn.Sequential(*[Bottleneck() for _ in range(count)])
    model.add_module("fc", torch.nn.Linear(2048, 2))
    return model.to(memory_format=torch.channels_last)


def peak_memory():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) * 1024


def measure(task):
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = peak_memory()
    started = time.perf_counter()
    task()
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak": peak_memory() - before}))


def save(state, path):
    save_file(state, path)
    with open(path, "rb") as file:
        os.fsync(file.fileno())


how, path = sys.argv[1:]
touch({"first": torch.ones(1)})
if how == "convert":
    torch.save(load(path), path.replace(".safetensors", ".pth"))
elif how == "tensors":
    measure(lambda: touch(load(path, backend="pread")))
elif how == "mapped":
    measure(lambda: touch(load(path)))
elif how == "model":
    model = make_model(path)
    measure(lambda: model.load_state_dict(load(path)))
else:
    state = {name: value.clone() for name, value in load(path).items()}
    measure(lambda: save(state, f"{path}.copy"))
    os.remove(f"{path}.copy")
