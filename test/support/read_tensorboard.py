"""Prints what TensorBoard's own reader finds in a folder of event files, as JSON: python3 read_tensorboard.py FOLDER"""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

accumulator = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "images": 0, "tensors": 0})
accumulator.Reload()
tags = accumulator.Tags()


def settings(data):
    info = HParamsPluginData.FromString(data).session_start_info
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in info.hparams.items()}


content = accumulator.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
result = {
    "scalars": {tag: [[e.step, e.value] for e in accumulator.Scalars(tag)] for tag in tags["scalars"]},
    "images": {tag: [[e.step, e.width, e.height] for e in accumulator.Images(tag)] for tag in tags["images"]},
    "texts": {
        tag: [e.tensor_proto.string_val[0].decode() for e in accumulator.Tensors(tag)]
        for tag in tags["tensors"]
        if tag.endswith("text_summary")
    },
    "settings": settings(content),
    "ended": "_hparams_/session_end_info" in accumulator.summary_metadata,
}
print(json.dumps(result))
