"""Times calls of PyTorch's operators. Says its version, then answers each line of JSON, {name, calls}, with {ns}."""

import json
import sys
import time
import timeit

import torch

torch.set_num_threads(1)

x, y, w = torch.rand(4, 4), torch.rand(4, 4), torch.rand(4, 4, requires_grad=True)
# Statements, so that nothing is between the clock and the call but timeit's loop.
STATEMENTS = {
    "x.add(y)": "x.add(y)",
    "x.mul(2)": "x.mul(2)",
    "x.relu()": "x.relu()",
    "x.sum(1)": "x.sum(1)",
    "x.matmul(y)": "x.matmul(y)",
    "x.reshape([2, 8])": "x.reshape([2, 8])",
    "x.at(0)": "x[0]",
    "cat([x, y])": "cat([x, y])",
    "w.mul(x)": "w.mul(x)",
}
NAMES = {"x": x, "y": y, "w": w, "cat": torch.cat}
TIMERS = {name: timeit.Timer(statement, timer=time.process_time, globals=NAMES) for name, statement in STATEMENTS.items()}

print(json.dumps({"torch": torch.__version__}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    calls = request["calls"]
    print(json.dumps({"ns": TIMERS[request["name"]].timeit(calls) / calls * 1e9}), flush=True)
