"""Gives torchvision, also where it was built for CUDA and PyTorch for the CPU alone."""

import torch

# Its wheel for CUDA registers fake kernels for operators that it lacks beside a CPU PyTorch.
declared = torch.library.Library("torchvision", "DEF")
try:
    declared.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    declared.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
except RuntimeError:
    pass

import torchvision

__all__ = ["torchvision"]
