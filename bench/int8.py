"""What int8 would win: MobileNetV2 quantised after training by PyTorch (oneDNN's kernels), beside float32 and bfloat16.

python3 bench/int8.py --images CUB_200_2011 --weights mobilenet_v2.safetensors
  --images   a folder as CUB-200-2011 is published
  --weights  torchvision's names; a new linear classifier is fitted to its features of the training images

Prints the classifier's accuracy on the test images with the features in each precision, and the CPU time of a pass with
one thread. Needs PyTorch, torchvision, Pillow and safetensors.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from any_torchvision import torchvision
from PIL import Image
from safetensors.torch import load_file
from torch.ao.quantization import get_default_qconfig_mapping
from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
CALIBRATED_ON = 256
BATCH = 32


def read_list(path):
    return dict(line.split() for line in path.read_text().splitlines())


def load_image(path):
    image = Image.open(path).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize([round(side * scale) for side in image.size], Image.BILINEAR)
    left, top = [(side - 224) // 2 for side in image.size]
    pixels = np.array(image.crop((left, top, left + 224, top + 224)))
    return (torch.from_numpy(pixels).permute(2, 0, 1) / 255 - MEAN) / DEVIATION


def load_images(root):
    names, classes = read_list(root / "images.txt"), read_list(root / "image_class_labels.txt")
    split = read_list(root / "train_test_split.txt")
    images = torch.stack([load_image(root / "images" / name) for name in names.values()])
    labels = torch.unique(torch.tensor([int(classes[i]) for i in names]), return_inverse=True)[1]
    training = torch.tensor([split[i] == "1" for i in names])
    return images.contiguous(memory_format=torch.channels_last), labels, training


@torch.no_grad()
def features_of(network, images):
    return torch.cat([network(batch).float() for batch in images.split(BATCH)])


def fit_classifier(features, labels):
    classifier = torch.nn.Linear(features.shape[1], int(labels.max()) + 1)
    optimizer = torch.optim.AdamW(classifier.parameters(), 1e-2, weight_decay=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(classifier(features), labels, label_smoothing=0.1).backward()
        optimizer.step()
    return classifier


def quantize(network, images, engine):
    torch.backends.quantized.engine = engine
    prepared = prepare_fx(network, get_default_qconfig_mapping(engine), (images[:2],))
    features_of(prepared, images)
    return convert_fx(prepared)


@torch.no_grad()
def time_pass(network, batch):
    images = torch.randn(batch, 3, 224, 224).to(memory_format=torch.channels_last)
    times = []
    for _ in range(25):
        started = time.process_time()
        network(images)
        times.append((time.process_time() - started) * 1000)
    return statistics.median(times[5:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(0)
    network = torchvision.models.mobilenet_v2()
    weights = load_file(options.weights)
    network.load_state_dict({k: v for k, v in weights.items() if not k.startswith("classifier")}, strict=False)
    network.classifier = torch.nn.Identity()
    network.eval()
    images, labels, training = load_images(options.images)
    features = features_of(network, images)
    mean, deviation = features[training].mean(0), features[training].std(0) + 1e-3
    classifier = fit_classifier((features[training] - mean) / deviation, labels[training])

    def say(name, made, tested):
        right = classifier((tested - mean) / deviation).argmax(1) == labels[~training]
        torch.set_num_threads(1)
        times = [f"{time_pass(made, batch):.2f} ms" for batch in (1, 16)]
        torch.set_num_threads(all_threads)
        print(f"{name:10} top-1 {100 * right.float().mean():.2f} %, batch 1 / 16: {' / '.join(times)}", flush=True)

    def in_bfloat16(batch):
        with torch.autocast("cpu", torch.bfloat16):
            return network(batch)

    all_threads = torch.get_num_threads()
    say("float32", network, features[~training])
    say("bfloat16", in_bfloat16, features_of(in_bfloat16, images[~training]))
    chosen = images[training][torch.randperm(int(training.sum()))[:CALIBRATED_ON]]
    for engine in ("x86", "onednn"):
        quantized = quantize(network, chosen, engine)
        say(f"int8 {engine}", quantized, features_of(quantized, images[~training]))


if __name__ == "__main__":
    main()
