#include "function_table.h"

#include "autograd_api.h"
#include "data_api.h"
#include "dispatch.h"
#include "distributed_api.h"
#include "edit_api.h"
#include "file_api.h"
#include "image_api.h"
#include "memory_api.h"
#include "model_api.h"
#include "operators.h"
#include "optimizer_api.h"
#include "process_api.h"
#include "tensor_api.h"
#include "train_api.h"

namespace mcloss::node {
namespace {

constexpr Row kFunctions[] = {
    raw<"initialize(options)", Way::kSync, initialize>(),
    raw<"shutdown(exitCode)", Way::kSync, shutdown>(),
    raw<"lastJob()", Way::kSync, last_job>(),
    raw<"cancelJob(job, reason)", Way::kSync, cancel_job>(),
    sync<"torchVersion()", torch_version>(),
    sync<"threads(count?)", threads>(),
    sync<"allowTf32(allow?)", allow_tf32>(),
    raw<"memory()", Way::kSync, memory>(),
    sync<"emptyCache()", empty_cache>(),

    raw<"findOperator(name)", Way::kSync, find_operator>(),
    raw<"listOperators()", Way::kSync, list_operators>(),
    raw<"call(operator, mode, empty, args)", Way::kUnlessBusy, call_operator>(),
    raw<"callInTurn(operator, mode, args)", Way::kJob, call_in_turn>(),
    raw<"emptyHandle()", Way::kSync, empty_handle>(),
    raw<"dispose(handle)", Way::kSync, dispose>(),
    sync<"tensorFromData(data, shape, dtype, device, requiresGrad, mode)", tensor_from_data>(),
    sync<"describe(tensor)", describe_tensor>(),
    sync<"shape(tensor)", shape>(),
    sync<"ndim(tensor)", ndim>(),
    sync_unless_busy<"item(tensor)", item, "await tensor.data()">(),
    job<"data(tensor)", data>(),

    sync<"generator(seed, device)", generator>(),
    sync<"defaultGenerator(device)", default_generator>(),
    sync_unless_busy<"generatorState(generator)", generator_state>(),
    sync_unless_busy<"restoreGenerator(generator, state)", restore_generator>(),
    sync<"manualSeed(seed)", manual_seed>(),

    backward_job<"backward(outputs, inputs, gradients, retainGraph, createGraph, mode)", backward>(),
    backward_job<"gradients(outputs, inputs, gradients, retainGraph, createGraph, mode)", gradients>(),
    sync_unless_busy<"grad(tensor)", grad, "await tensor.gradient() or await model.gradients()">(),
    job<"copyGradient(tensor)", copy_gradient>(),
    sync_unless_busy<"clearGrad(tensor)", clear_grad, "await optimizer.zeroGrad()">(),
    sync_unless_busy<"registerHook(tensor, hook)", register_hook>(),
    sync_unless_busy<"registerPostAccumulateGradHook(tensor, hook)", register_post_accumulate_hook>(),
    sync<"removeHook(hook)", remove_hook>(),
    sync_unless_busy<"applyFunction(call, mode)", apply_function>(),
    sync_unless_busy<"startCheckpoint(inputs, recompute)", start_checkpoint>(),
    sync<"beginPass(pass)", begin_pass>(),
    sync<"endPass(pass)", end_pass>(),
    raw<"finishCall(call, results)", Way::kSync, finish_call>(),
    raw<"failCall(call, reason)", Way::kSync, fail_call>(),

    sync<"createModel(spec, seed)", create_model>(),
    job<"createModelInTurn(spec, seed)", create_model>(),
    job<"forward(model, images, mode, taps, autocast, frozen)", forward>(),
    job<"forwardTraining(model, images, mode, taps, autocast)", forward_training>(),
    sync<"modelState(model)", model_state>(),
    job<"modelGradients(model)", model_gradients>(),
    job<"modelTo(model, target)", model_to>(),
    job<"isFinite(model)", is_finite>(),
    sync_unless_busy<"freeze(model, positions, frozen)", freeze>(),

    sync_unless_busy<"createOptimizer(definition)", create_optimizer>(),
    job<"optimizerStep(optimizer, learningRates, foundInf)", optimizer_step>(),
    job<"zeroGrad(optimizer)", zero_grad>(),
    sync<"optimizerState(optimizer)", optimizer_state>(),
    job<"clipGradNorm(parameters, maxNorm)", clip_grad_norm>(),
    job<"clipGradValue(parameters, limit)", clip_grad_value>(),
    sync<"createGradScaler(options)", create_grad_scaler>(),
    sync_unless_busy<"scaleLoss(scaler, loss)", scale_loss>(),
    job<"unscaleGradients(scaler, parameters)", unscale_gradients>(),
    job<"updateScale(scaler, foundInf)", update_scale>(),
    sync_unless_busy<"scalerState(scaler)", scaler_state>(),
    sync_unless_busy<"restoreScaler(scaler, state)", restore_scaler>(),
    sync_unless_busy<"createEma(model, decay)", create_ema>(),
    job<"updateEma(ema, model)", update_ema>(),
    sync<"emaState(ema)", ema_state>(),

    job<"trainStep(step, mode)", train_step>(),
    job<"finishUpdate(step)", finish_update>(),
    job<"mixBatch(images, labels, mixing)", mix_batch>(),
    sync<"createStepGraph()", create_step_graph>(),
    sync_unless_busy<"stepGraphRefusal(graph)", step_graph_refusal>(),
    job<"readMetrics(steps)", read_metrics>(),
    job<"evaluateBatch(model, images, labels, objective, autocast, byPlan)", evaluate_batch>(),

    job<"connectStore(options)", connect_store>(),
    job<"storeSet(store, key, value)", store_set>(),
    job<"storeGet(store, key, timeout)", store_get>(),
    job<"storeHas(store, key)", store_has>(),
    job<"storeAdd(store, key, amount)", store_add>(),
    job<"createGroup(store, group)", create_group>(),
    job<"allReduce(group, tensor, reduction)", all_reduce>(),
    job<"broadcast(group, tensor, from)", broadcast>(),
    job<"allGather(group, tensor)", all_gather>(),
    job<"barrier(group)", barrier>(),
    job<"destroyGroup(group)", destroy_group>(),
    job<"sumNumbers(group, numbers)", sum_numbers>(),
    job<"gatherTexts(group, text)", gather_texts>(),
    job<"broadcastTensors(group, tensors)", broadcast_tensors>(),
    job<"findDifferences(group, tensors)", find_differences>(),
    job<"averageGradients(group, parameters, options)", average_gradients>(),
    sync_unless_busy<"createReducer(group, parameters, options)", create_reducer>(),
    sync_unless_busy<"setBatchNormGroup(model, group)", set_batch_norm_group>(),

    sync<"hasImageDecoder(format)", has_image_decoder>(),
    sync<"imageThreads(count?)", image_threads>(),
    raw<"holdImageThread(milliseconds)", Way::kJob, hold_image_thread>(),
    raw<"readFile(path, mostBytes)", Way::kJob, read_file>(),
    raw<"freeBytes(bytes)", Way::kSync, free_bytes>(),
    raw<"decodeImage(format, bytes, options, target)", Way::kJob, decode_image>(),
    raw<"cutPixels(pixels, options, target)", Way::kJob, cut_pixels>(),
    raw<"editPixels(source, size, edits, target)", Way::kJob, edit_pixels>(),
    job<"sendBatch(options)", send_batch>(),
    job<"joinBatch(transfer)", join_batch>(),
    sync<"isOver(transfer)", is_over>(),
    raw<"pinnedBuffer(bytes)", Way::kSync, pinned_buffer>(),

    sync<"tryLock(descriptor)", try_lock>(),
    job<"readTensors(descriptor, path, stored)", read_tensors>(),
    job<"readInto(descriptor, path, stored, tensors)", read_into>(),
    job<"writeTensors(descriptor, path, stored, tensors)", write_tensors>(),
};

}  // namespace

std::span<const Row> function_table() {
  return kFunctions;
}

}  // namespace mcloss::node
