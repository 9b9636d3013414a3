"""A plain PyTorch training loop. Says its version, then answers each line of JSON with one."""

import contextlib
import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

from op import read_status, released_loss


def conv_norm(inputs, outputs, size, stride=1):
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs)


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv_norm(inputs, outputs, 3, stride)
        self.conv2, self.bn2 = conv_norm(outputs, outputs, 3)
        same = stride == 1 and inputs == outputs
        self.downsample = nn.Identity() if same else nn.Sequential(*conv_norm(inputs, outputs, 1, stride))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.downsample(x), inplace=True)


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        self.conv1, self.bn1 = conv_norm(inputs, width, 1)
        self.conv2, self.bn2 = conv_norm(width, width, 3, stride)
        self.conv3, self.bn3 = conv_norm(width, outputs, 1)
        same = stride == 1 and inputs == outputs
        self.downsample = nn.Identity() if same else nn.Sequential(*conv_norm(inputs, outputs, 1, stride))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = F.relu(self.bn2(self.conv2(out)), inplace=True)
        return F.relu(self.bn3(self.conv3(out)) + self.downsample(x), inplace=True)


class Network(nn.Module):
    """Features [N, C, H, W] and logits [N, K]."""

    def __init__(self, features, pool, hidden, channels, classes):
        super().__init__()
        self.features, self.pool = features, pool
        self.classifier = nn.Sequential(
            nn.BatchNorm1d(channels),
            nn.Linear(channels, hidden),
            nn.BatchNorm1d(hidden),
            nn.ELU(),
            nn.Linear(hidden, classes),
        )

    def forward(self, x):
        features = self.features(x)
        return features, self.classifier(self.pool(features).flatten(1))


def stem():
    return [*conv_norm(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]


def resnet18():
    """With the last stage of 600 channels and stride 1, as the released code."""
    stages = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 600, 1)]
    blocks = [block for i, o, stride in stages for block in (BasicBlock(i, o, stride), BasicBlock(o, o, 1))]
    return Network(nn.Sequential(*stem(), *blocks), nn.AdaptiveMaxPool2d(1), 512, 600, 200), 224


def resnet50():
    stages = [(64, 64, 3, 1), (256, 128, 4, 2), (512, 256, 6, 2), (1024, 512, 3, 2)]
    blocks = []
    for inputs, width, count, stride in stages:
        blocks += [Bottleneck(inputs, width, stride), *(Bottleneck(4 * width, width, 1) for _ in range(count - 1))]
    return Network(nn.Sequential(*stem(), *blocks), nn.AdaptiveAvgPool2d(1), 512, 2048, 200), 448


def demo():
    layers = [*conv_norm(3, 24, 3, 2), nn.ReLU(inplace=True)]
    layers += [BasicBlock(24, 24, 1), BasicBlock(24, 48, 2), BasicBlock(48, 96, 2)]
    layers += [*conv_norm(96, 255, 3), nn.ReLU(inplace=True)]
    return Network(nn.Sequential(*layers), nn.AdaptiveAvgPool2d(1), 256, 255, 85), 64


class Published(nn.Module):
    """torchvision's network of that name."""

    def __init__(self, name):
        super().__init__()
        from any_torchvision import torchvision

        self.network = getattr(torchvision.models, name)(num_classes=200)

    def forward(self, x):
        features = self.network.features(x)
        pooled = F.adaptive_avg_pool2d(features, 1)
        flat = isinstance(self.network.classifier[0], nn.Dropout)
        return features, self.network.classifier(pooled.flatten(1) if flat else pooled)


PUBLISHED = ("mobilenet_v2", "efficientnet_b0", "convnext_tiny")
NETWORKS = {"resnet18": resnet18, "resnet50": resnet50, "demo": demo}
NETWORKS.update({name: lambda name=name: (Published(name), 224) for name in PUBLISHED})


def draw_mask(blocks):
    """Half of each class's channels, rounded up."""
    drawn = [torch.rand(classes, channels).argsort(1) < (channels + 1) // 2 for classes, channels in blocks]
    return torch.cat([kept.float().flatten() for kept in drawn])


class Loop:
    def __init__(self, problem, channels_last, compiled):
        torch.manual_seed(0)
        torch.set_num_threads(problem["threads"])
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.network, side = NETWORKS[problem["network"]]()
        device = problem.get("device", "cpu")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = problem.get("tf32", False)
        self.network.to(device, memory_format=layout).train()
        self.blocks = problem["blocks"]
        self.images = torch.randn(problem["batch"], 3, side, side).to(device, memory_format=layout)
        self.labels = torch.arange(problem["batch"], device=device) % sum(classes for classes, _ in self.blocks)
        self.optimizer = torch.optim.SGD(self.network.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
        self.find_loss = self.compute_loss
        if compiled:
            # "reduce-overhead" launches CUDA graphs.
            mode = "reduce-overhead" if problem.get("graph", False) else "default"
            self.find_loss = torch.compile(self.compute_loss, mode=mode)
        self.autocast = contextlib.nullcontext
        if problem["precision"] == "bfloat16":
            self.autocast = lambda: torch.autocast(device, torch.bfloat16)

    def compute_loss(self, images, labels, mask):
        features, logits = self.network(images)
        return F.cross_entropy(logits, labels) + released_loss(features, labels, mask, self.blocks, 1.5, 20)

    def step(self):
        """The time of one step in ms, and the loss."""
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast():
            mask = draw_mask(self.blocks).to(self.images.device)
            loss = self.find_loss(self.images, self.labels, mask)
        loss.backward()
        self.optimizer.step()
        value = loss.item()
        return {"ms": (time.perf_counter() - start) * 1000, "loss": value}

    def shapes(self):
        return [list(parameter.shape) for parameter in self.network.parameters()]


def find_peak(problem, channels_last, compiled):
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")
    before = read_status("VmHWM")
    loop = Loop(problem, channels_last, compiled)
    for _ in range(3):
        loop.step()
    return {"bytes": read_status("VmHWM") - before}


def main():
    print(json.dumps({"torch": torch.__version__}), flush=True)
    loop = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["ask"] == "step":
                answer = loop.step()
            elif request["ask"] == "begin":
                loop = Loop(request["problem"], request["channelsLast"], request["compile"])
                answer = {"shapes": loop.shapes()}
            else:
                answer = find_peak(request["problem"], request["channelsLast"], request["compile"])
        except Exception as error:
            answer = {"error": (str(error).strip() or repr(error)).splitlines()[0]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
