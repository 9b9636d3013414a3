export { McLossError, type ErrorCode, type ErrorDetails } from "../errors.js";
export type { AbortOptions } from "../native/abortable.js";

export { detectAnomaly } from "../tensor/anomaly.js";
export { backward, grad, type BackwardOptions, type GradOptions } from "../tensor/autograd.js";
export type { GraphOptions } from "../tensor/backward.js";
export { checkpoint } from "../tensor/checkpoint.js";
export { tensor, zeros, type TensorOptions } from "../tensor/creation.js";
export { allowTf32, cuda } from "../tensor/cuda.js";
export {
  customFunction,
  type BackwardContext,
  type CustomFunction,
  type ForwardContext,
  type InputGradients,
} from "../tensor/custom-function.js";
export type { Device, Dtype, TypedArray } from "../native/dtype.js";
export type { NestedNumbers, Scalar } from "../tensor/elements.js";
export { enableGrad, inferenceMode, noGrad } from "../tensor/grad-mode.js";
export type { HookHandle, HookResult } from "../tensor/hooks.js";
export { slice, type Slice, type TensorIndex } from "../tensor/indexing.js";
export { debugMemory, type UndisposedTensor } from "../tensor/memory-debug.js";
export { emptyCache, memory, type AllocatorUsage, type MemoryUsage } from "../tensor/memory.js";
export * from "../tensor/operators.js";
export type { CreationOptions, MemoryFormat, NamedResults, NativeObject, Reduction } from "../tensor/ops.js";
export type { Precision } from "../tensor/precision.js";
export { keep, tidy, type Releasable } from "../tensor/scope.js";
export {
  Complex,
  Generator,
  listOperators,
  manualSeed,
  ops,
  opsInTurn,
  ScriptObject,
  Tensor,
  type OpArgument,
  type OperatorDescription,
  type OpResult,
  type ReductionOptions,
} from "../tensor/tensor.js";

export type { TensorInfo } from "../io/safetensors-header.js";
export {
  openSafetensors,
  SafetensorsFile,
  writeSafetensors,
  type SaveStateDictOptions,
} from "../io/safetensors.js";
export { loadStateDict, saveStateDict } from "../io/state-dict.js";
export type { LoadStateDictOptions } from "../io/state-file.js";
