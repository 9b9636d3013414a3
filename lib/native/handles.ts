declare const brand: unique symbol;
/** An opaque native object. Its kind is checked natively before every use. */
export interface Handle<Kind extends string = string> {
  readonly [brand]: Kind;
}
export type TensorHandle = Handle<"Tensor">;
export type GeneratorHandle = Handle<"Generator">;
export type ModelHandle = Handle<"Model">;
export type OptimizerHandle = Handle<"Optimizer">;
export type GradScalerHandle = Handle<"GradScaler">;
export type EmaHandle = Handle<"EMA">;
export type StoreHandle = Handle<"Store">;
export type ProcessGroupHandle = Handle<"ProcessGroup">;
export type GradientReducerHandle = Handle<"GradientReducer">;
export type StepGraphHandle = Handle<"StepGraph">;
export type BatchTransferHandle = Handle<"BatchTransfer">;
