"""argv: `write NAME FOLDER` makes a network of torchvision with random weights and writes its state dict (state.pth) and what
it gives (expected.pth); `read NAME FILE` loads a safetensors file into the same network and prints its logits in JSON."""

import json
import struct
import sys

import torch

# torchvision declares fake kernels for operators that only its C++ extension has; a build for another device lacks them.
torch.library.define("torchvision::nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
torch.library.define("torchvision::qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import torchvision.models  # noqa: E402

CLASSES = 10
SAMPLES = 1000


def images():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def sampled(tensor):
    flat = tensor.flatten()
    return flat[:: max(1, flat.numel() // SAMPLES)].clone()


def calibrate(model):
    """Statistics of images, as training leaves them; with those of an untrained network activations grow layer by layer."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
    with torch.no_grad():
        model.train()(torch.randn(8, 3, 64, 64))
    for norm in norms:
        norm.momentum = 0.1


def write(name, folder):
    torch.manual_seed(0)
    model = getattr(torchvision.models, name)(num_classes=CLASSES)
    calibrate(model)
    torch.save(model.state_dict(), f"{folder}/state.pth")
    expected = {"images": images()}
    with torch.no_grad():
        expected["eval"] = model.eval()(images())
    model.double().train()
    # Dropout draws from the generator that manualSeed() seeds.
    torch.manual_seed(0)
    expected["train"] = model(images().double())
    torch.nn.functional.cross_entropy(expected["train"], torch.tensor([3, 7])).backward()
    for key, value in model.named_parameters():
        expected[f"norm.{key}"] = value.grad.norm()
        expected[f"gradient.{key}"] = sampled(value.grad)
    torch.save({key: value.detach() for key, value in expected.items()}, f"{folder}/expected.pth")


def read(name, path):
    dtypes = {"F32": torch.float32, "I64": torch.int64}
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    state = {}
    for key, entry in header.items():
        start, end = entry["data_offsets"]
        state[key] = torch.frombuffer(data[start:end], dtype=dtypes[entry["dtype"]]).reshape(entry["shape"])
    model = getattr(torchvision.models, name)(num_classes=CLASSES).eval()
    model.load_state_dict(state, strict=True)
    with torch.no_grad():
        print(json.dumps(model(images()).flatten().tolist()))


{"write": write, "read": read}[sys.argv[1]](*sys.argv[2:])
