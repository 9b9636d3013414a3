"""Times the released code's chain of operators in eager PyTorch: one line of JSON in, one number of ms out."""

import json
import sys
import time

import torch
import torch.nn.functional as F


def released_loss(x, labels, mask, blocks, alpha, beta):
    """Mask multiply, cross-channel max pooling over transposed features, softmax over places; per block of classes."""
    n, _, h, w = x.shape
    kept = x * mask.view(1, -1, 1, 1)
    places = F.softmax(x.flatten(2), 2).view_as(x)
    scores, covered, start = [], [], 0
    for classes, channels in blocks:
        part = slice(start, start + classes * channels)
        start = part.stop

        def pool(t):
            rows = t[:, part].flatten(2).transpose(1, 2)
            return F.max_pool2d(rows, (1, channels), (1, channels)).transpose(1, 2)

        scores.append(pool(kept).mean(2))
        covered.append(pool(places).sum(2) / channels)
    discriminality = F.cross_entropy(torch.cat(scores, 1), labels)
    diversity = 1 - torch.cat(covered, 1).mean()
    return alpha * discriminality + beta * diversity


def main():
    for line in sys.stdin:
        problem = json.loads(line)
        torch.set_num_threads(problem["threads"])
        x = torch.randn(problem["shape"]).relu()
        if problem["channelsLast"]:
            x = x.to(memory_format=torch.channels_last)
        x.requires_grad_()
        blocks = problem["blocks"]
        labels = torch.arange(x.shape[0]) % sum(classes for classes, _ in blocks)
        mask = torch.ones(x.shape[1])
        mask[1::3] = 0
        times = []
        for _ in range(problem["runs"]):
            x.grad = None
            start = time.perf_counter()
            released_loss(x, labels, mask, blocks, 1.5, 20).backward()
            times.append((time.perf_counter() - start) * 1000)
        print(json.dumps(times), flush=True)


main()
