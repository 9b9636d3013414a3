export { Model, type ModelOutput } from "../models/model.js";
export type {
  ForwardOptions,
  FreezeOptions,
  FromJsonOptions,
  LoadOptions,
  NewModelOptions,
} from "../models/model-options.js";
export type { ModelInfo, PerChannel } from "../models/info.js";
export type { ModelPlacement } from "../models/placement.js";
export type { StateDifference, StateEntry } from "../models/load-state.js";
export type { NamePattern } from "../models/names.js";
export type { NamedGroup, PatternGroup } from "../models/parameter-groups.js";
export type { Initialization, ModelSpec } from "../models/spec.js";
export type {
  Aside,
  Concat,
  DenseConnection,
  LayerOf,
  LayerSpec,
  LayerType,
  Residual,
  Scale,
  Sequential,
} from "../models/layers.js";
export { describe } from "../models/describe.js";
export type { ModelDescription } from "../models/describe-spec.js";
export type { TensorDescription } from "../models/layers/definition.js";
export type { Size } from "../models/layers/shapes.js";
export type { LayerDescription } from "../models/infer-shapes.js";
export { parseModelSpec, type ModelJson } from "../models/validate.js";
export { squeezeExcite } from "../models/blocks.js";
export { withCosineClassifier } from "../models/cosine-classifier.js";
export { torchscript, type TorchScriptOptions } from "../models/torchscript.js";
export * from "../models/networks/index.js";
export type { AdapterOptions } from "../models/adapter.js";
export type {
  CommonNetworkOptions,
  Network,
  NetworkOptions,
  Weights,
} from "../models/networks/definition.js";
export { saveModel, type LoadModelOptions } from "../models/checkpoint.js";
export type { InterpolatedPositions } from "../models/position-embeddings.js";
export { loadWeights, type LoadedWeights, type LoadWeightsOptions } from "../models/load-weights.js";
export { fetchWeights, type FetchWeightsOptions } from "../models/fetch-weights.js";
export type { WeightsName } from "../models/official-weights.js";

export { loadModel } from "../run/load-model.js";

export { exportOnnx, type ExportOnnxOptions } from "../export/onnx.js";

export { Classifier, type ClassifierOptions } from "../predict/classifier.js";
export type { ClassScore, ImageInput, Prediction, PredictOptions } from "../models/prediction.js";
export { predict, type FilePrediction, type PredictFilesOptions } from "../predict/predict.js";
