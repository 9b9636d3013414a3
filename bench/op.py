"""The released code's chain of operators in PyTorch. Says what it runs on, then answers each line of JSON with one."""

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


class Inputs:
    def __init__(self, problem):
        torch.set_num_threads(problem["threads"])
        self.device, self.blocks = problem["device"], problem["blocks"]
        layout = torch.channels_last if problem["channelsLast"] else torch.contiguous_format
        x = torch.empty(problem["shape"], memory_format=layout)
        self.x = x.normal_(generator=torch.Generator().manual_seed(1)).relu_().to(self.device).requires_grad_()
        labels = torch.arange(x.shape[0]) % sum(classes for classes, _ in self.blocks)
        mask = torch.ones(x.shape[1])
        mask[1::3] = 0
        self.labels, self.mask = labels.to(self.device), mask.to(self.device)

    def synchronize(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def run(self, loss, backward):
        """The time of one run in ms, and the loss."""
        self.x.grad = None
        self.synchronize()
        start = time.perf_counter()
        with torch.set_grad_enabled(backward):
            value = loss(self.x, self.labels, self.mask, self.blocks, 1.5, 20)
        if backward:
            value.backward()
        self.synchronize()
        return {"ms": (time.perf_counter() - start) * 1000, "loss": value.item()}


def read_status(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(field + ":"))


def find_peak(inputs, loss):
    inputs.run(loss, True)  # compiles, and loads what is loaded once
    inputs.x.grad = None
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")
    before = read_status("VmHWM")
    inputs.run(loss, True)
    return {"bytes": read_status("VmHWM") - before}


def main():
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    print(json.dumps({"torch": torch.__version__, "gpu": gpu}), flush=True)
    compiled = torch.compile(released_loss, dynamic=False)
    last, inputs = None, None
    for line in sys.stdin:
        request = json.loads(line)
        if request["problem"] != last:
            torch._dynamo.reset()  # or it would stop compiling after some shapes
            last, inputs = request["problem"], None  # frees the features before it makes others
            inputs = Inputs(last)
        loss = compiled if request["compile"] else released_loss
        try:
            answer = find_peak(inputs, loss) if request["peak"] else inputs.run(loss, request["backward"])
        except Exception as error:
            answer = {"error": (str(error).strip() or repr(error)).splitlines()[0]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
