"""Answers requests, one a line of standard input, with one line of JSON each:
`describe NAME`: the names and shapes of a network's tensors, which of them are trained, and its multiply-accumulate operations;
`write NAME FOLDER`: makes it with random weights, and writes its state dict (state.pth) and what it gives (expected.pth);
`read NAME FILE`: loads a safetensors file into it and gives its logits."""

import json
import struct
import sys

import torch

# torchvision declares fake kernels for operators that only its C++ extension has; a build for another device lacks them.
torch.library.define("torchvision::nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
torch.library.define("torchvision::qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import torchvision.models  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

CLASSES = 10
SAMPLES = 1000
SIZE = 64


def build(name):
    # Of the networks that have an input size only this one says so.
    options = {"image_size": SIZE} if name.startswith("vit") else {}
    model = getattr(torchvision.models, name)(num_classes=CLASSES, **options)
    for module in model.modules():
        if isinstance(module, torchvision.ops.StochasticDepth):
            module.p = 0.0
        if isinstance(module, torch.nn.Dropout) and not name.startswith("vgg"):
            module.p = 0.0
    return model


def build_without_weights(name):
    # Its stages are computed with tensors.
    if name.startswith("regnet"):
        return build(name).to("meta")
    with torch.device("meta"):
        return build(name)


def images():
    return torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def sampled(tensor):
    flat = tensor.flatten()
    return flat[:: max(1, flat.numel() // SAMPLES)].clone()


def calibrate(model):
    """Statistics of images, as training leaves them; with those of an untrained network activations grow layer by layer."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None
    with torch.no_grad():
        model.train()(torch.randn(8, 3, SIZE, SIZE))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum


def randomize(model):
    """Parameters that start at 0 or nearly so say nothing of what is done with them."""
    for name, value in model.named_parameters():
        if name.endswith("layer_scale"):
            torch.nn.init.uniform_(value, 0.2, 0.5)
        elif name.endswith("class_token") or name.startswith("heads.head"):
            torch.nn.init.normal_(value, std=0.05)


def describe(name):
    model = build_without_weights(name).train()
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(2, 3, SIZE, SIZE, device="meta"))
    trained = [key for key, _ in model.named_parameters()]
    shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
    # Two operations each, for two images.
    return {"shapes": shapes, "trained": trained, "macs": counter.get_total_flops() / 4}


def write(name, folder):
    torch.manual_seed(0)
    model = build(name)
    randomize(model)
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
    model = build_without_weights(name).eval()
    model.load_state_dict(state, strict=True, assign=True)
    with torch.no_grad():
        return model(images()).flatten().tolist()


requests = {"describe": describe, "write": write, "read": read}
for line in sys.stdin:
    request, *arguments = line.split()
    print(json.dumps(requests[request](*arguments)), flush=True)
