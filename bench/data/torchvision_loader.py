"""torchvision's side of `npm run bench -- data`: reads one JSON request a line, writes one JSON answer a line.

A request is {"folder", "passes", "resize", "crop", "workers", "batch"}: one epoch of a DataLoader that has each of the
folder's JPEGs `passes` times, with the usual training augmentation. Workers are started and warmed up by an epoch that is not timed.
"""

import json
import os
import sys
import time

import torch

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import PIL
from any_torchvision import torchvision
from torchvision import transforms
from torchvision.datasets import ImageFolder

loaders = {}


def open_loader(folder, passes, resize, crop, workers, batch):
    key = (folder, passes, resize, crop, workers, batch)
    if key not in loaders:
        transform = transforms.Compose(
            [
                transforms.Resize(resize),
                transforms.RandomCrop(crop),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize([0.5] * 3, [0.5] * 3),
            ]
        )
        loaders.clear()  # with its workers
        loaders[key] = torch.utils.data.DataLoader(
            torch.utils.data.ConcatDataset([ImageFolder(folder, transform)] * passes),
            batch_size=batch,
            shuffle=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
        for _ in loaders[key]:
            pass
    return loaders[key]


def cpu_seconds(loader):
    """Of this process and the loader's workers."""
    own = os.times()
    seconds = own.user + own.system
    iterator = getattr(loader, "_iterator", None)
    for worker in getattr(iterator, "_workers", []):
        fields = open(f"/proc/{worker.pid}/stat").read().rsplit(")", 1)[1].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def answer(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


answer({"torch": torch.__version__, "torchvision": torchvision.__version__, "pillow": PIL.__version__})
for line in sys.stdin:
    loader = open_loader(**json.loads(line))
    cpu, started, images = cpu_seconds(loader), time.perf_counter(), 0
    for batch, _ in loader:
        images += len(batch)
    seconds = time.perf_counter() - started
    answer({"images": images, "seconds": seconds, "cpuSeconds": cpu_seconds(loader) - cpu})
