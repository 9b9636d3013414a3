"""PyTorch's side of `npm run bench -- predict`. Says its version, then answers each line of JSON with one."""

import contextlib
import json
import sys
import time

import torch

from op import read_status
from train import NETWORKS


def make_network(name):
    network = NETWORKS[name]()[0]
    return network.to(memory_format=torch.channels_last).eval()


class Passes:
    def __init__(self, network, size, batch, precision, threads, compile):
        torch.set_num_threads(threads)
        self.network = make_network(network)
        if compile:
            from torch._inductor import config

            # Folds batch normalisation and packs the weights, as PyTorch does for inference at its best.
            config.freezing = True
            torch._dynamo.reset()
            self.network = torch.compile(self.network)
        self.images = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
        self.autocast = contextlib.nullcontext
        if precision == "bfloat16":
            self.autocast = lambda: torch.autocast("cpu", torch.bfloat16)

    def run(self):
        with torch.no_grad(), self.autocast():
            start, cpu = time.perf_counter(), time.process_time()
            _, logits = self.network(self.images)
            logits.float().numpy()
            return {
                "ms": (time.perf_counter() - start) * 1000,
                "cpu": (time.process_time() - cpu) * 1000,
            }


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
