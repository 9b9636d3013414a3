"""PyTorch's side of `npm run bench -- predict`. Says its version, then answers each line of JSON with one."""

import contextlib
import json
import sys
import time

import torch
from torch import nn

from op import read_status
from train import NETWORKS


class MobileNetV2(nn.Module):
    """Sandler et al. 2018, width 1, as torchvision's."""

    def __init__(self, classes=200):
        super().__init__()
        layers = [block(3, 32, 3, 2)]
        inputs = 32
        stages = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
        for expansion, outputs, count, stride in stages:
            for i in range(count):
                layers.append(InvertedResidual(inputs, outputs, stride if i == 0 else 1, expansion))
                inputs = outputs
        layers.append(block(inputs, 1280, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(1280, classes)

    def forward(self, x):
        features = self.features(x)
        return features, self.classifier(features.mean((2, 3)))


def block(inputs, outputs, size, stride=1, groups=1):
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        width = inputs * expansion
        expand = [] if expansion == 1 else [block(inputs, width, 1)]
        project = [nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.body = nn.Sequential(*expand, block(width, width, 3, stride, groups=width), *project)
        self.same = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.body(x) if self.same else self.body(x)


def make_network(name):
    network = MobileNetV2() if name == "mobilenet_v2" else NETWORKS[name]()[0]
    return network.to(memory_format=torch.channels_last).eval()


class Passes:
    def __init__(self, network, size, batch, precision, threads, compile):
        torch.set_num_threads(threads)
        self.network = make_network(network)
        if compile:
            import torch._inductor.config

            # Folds batch normalisation and packs the weights, as PyTorch does for inference at its best.
            torch._inductor.config.freezing = True
            torch._dynamo.reset()
            self.network = torch.compile(self.network)
        self.images = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
        self.autocast = contextlib.nullcontext
        if precision == "bfloat16":
            self.autocast = lambda: torch.autocast("cpu", torch.bfloat16)

    def run(self):
        with torch.no_grad(), self.autocast():
            start = time.perf_counter()
            _, logits = self.network(self.images)
            logits.float().numpy()
            return {"ms": (time.perf_counter() - start) * 1000}


def main():
    print(json.dumps({"torch": torch.__version__}), flush=True)
    passes = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request.pop("ask") == "run":
                answer = passes.run()
            else:
                passes = None
                passes = Passes(**request)
                passes.run()
                passes.run()
                answer = {"bytes": read_status("VmHWM")}
        except Exception as error:
            answer = {"error": (str(error).strip() or repr(error)).splitlines()[0]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
