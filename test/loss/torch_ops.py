"""One JSON problem on stdin; the loss and its gradient by torch.ops, as bits, on stdout. argv: the operator library."""

import json
import sys

import torch

torch.ops.load_library(sys.argv[1])
problem = json.load(sys.stdin)
labels = torch.tensor(problem["labels"])
mask = torch.tensor(problem["mask"], dtype=torch.uint8)
groups = (problem["classes"], problem["channels"])


def features():
    return torch.tensor(problem["features"]).reshape(problem["shape"]).requires_grad_()


def differentiate(loss_of):
    x = features()
    loss = loss_of(x)
    loss.backward()
    return [loss.detach(), *x.grad.flatten()]


def loss_of(x, labels=labels):
    return torch.ops.mcloss.mc_loss(x, labels, *groups, mask=mask)[0]


def as_bits(values):
    return torch.stack(values).view(torch.int32).tolist()


# Each sample half of its class, and evenly of the others.
shares = torch.full((len(labels), sum(problem["classes"])), 0.5 / (sum(problem["classes"]) - 1))
shares.scatter_(1, labels[:, None], 0.5)


def soft_loss_of(x):
    return loss_of(x, shares)


half = features().detach().bfloat16()
with torch.autocast("cpu", dtype=torch.bfloat16):
    under_autocast = torch.ops.mcloss.mc_loss(half, labels, *groups, mask=mask)[0]
meta = torch.ops.mcloss.mc_loss(features().to("meta"), labels.to("meta"), *groups)
compiled = torch.compile(loss_of, backend="aot_eager", fullgraph=True)
print(
    json.dumps(
        {
            "eager": as_bits(differentiate(loss_of)),
            "compiled": as_bits(differentiate(compiled)),
            "soft": as_bits(differentiate(soft_loss_of)),
            "softCompiled": as_bits(
                differentiate(torch.compile(soft_loss_of, backend="aot_eager", fullgraph=True))
            ),
            "meta": [[str(term.device), list(term.shape), str(term.dtype)] for term in meta],
            "autocast": [str(under_autocast.dtype), under_autocast.item() == loss_of(half).item()],
        }
    )
)
