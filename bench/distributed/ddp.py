"""One process of bench/distributed.ts in Python, with DistributedDataParallel."""

import json
import os
import sys
import time

import torch

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from train import Loop  # noqa: E402


def main():
    problem = json.loads(sys.argv[1])
    loop = Loop(
        {
            "network": "resnet18",
            "batch": problem["batch"],
            "threads": 1,
            "precision": "float32",
            "blocks": [[200, 3]],
        },
        channels_last=True,
        compiled=False,
    )
    side = problem["side"]
    loop.images = torch.randn(problem["batch"], 3, side, side).to(memory_format=torch.channels_last)
    count = sum(parameter.numel() for parameter in loop.network.parameters())
    if problem["reduce"]:
        torch.distributed.init_process_group("gloo")
        loop.network = torch.nn.parallel.DistributedDataParallel(loop.network)
        if problem["compress"]:
            from torch.distributed.algorithms.ddp_comm_hooks import default_hooks

            # The same bytes; the hook of bfloat16 is for NCCL alone.
            loop.network.register_comm_hook(None, default_hooks.fp16_compress_hook)
    print(json.dumps({"parameters": count}), flush=True)
    for _ in sys.stdin:
        before = time.process_time()
        took = loop.step()
        took["cpu"] = (time.process_time() - before) * 1000
        print(json.dumps(took), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
