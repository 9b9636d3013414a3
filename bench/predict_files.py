"""argv: NETWORK FOLDER MODE; the five most probable classes of each JPEG in the folder as JSON, with torchvision's loader and
PyTorch in channels_last, or compiled with frozen weights."""

import json
import os
import sys

import torch

import any_torchvision  # first: it says how
from torchvision import transforms
from torchvision.datasets import ImageFolder

from predict import make_network

BATCH = 32


def main(name, folder, mode):
    network = make_network(name)
    if mode == "compiled":
        from torch._inductor import config

        config.freezing = True
        network = torch.compile(network)
    transform = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    images = ImageFolder(folder, transform)
    workers = 1 if os.cpu_count() <= 2 else os.cpu_count() // 2
    loader = torch.utils.data.DataLoader(images, batch_size=BATCH, num_workers=workers)
    answers = []
    with torch.no_grad():
        for batch, _ in loader:
            _, logits = network(batch.to(memory_format=torch.channels_last))
            scores, classes = logits.softmax(1).topk(5)
            for top in zip(scores.tolist(), classes.tolist()):
                path = images.samples[len(answers)][0]
                answers.append({"path": path, "top": [{"index": c, "probability": p} for p, c in zip(*top)]})
    json.dump(answers, sys.stdout)


main(*sys.argv[1:])
