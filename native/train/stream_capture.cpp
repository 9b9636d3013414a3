#include "stream_capture.h"

#ifdef MCLOSS_CUDA

#include <ATen/core/Generator.h>
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGraphsC10Utils.h>
#include <c10/cuda/CUDAGuard.h>

#include <exception>
#include <mutex>

namespace mcloss::train {
namespace {

void wait_for(c10::cuda::CUDAStream waiting, c10::cuda::CUDAStream awaited) {
  at::cuda::CUDAEvent reached;
  reached.record(awaited);
  reached.block(waiting);
}

at::Generator copy_of(at::Generator generator) {
  const std::lock_guard lock(generator.mutex());
  return generator.clone();
}

template <class Work>
bool succeeds(Work work) {
  try {
    work();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

class CudaStreamCapture final : public StreamCapture {
 public:
  explicit CudaStreamCapture(c10::DeviceIndex device)
      : device_(device), stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device)) {}

  void warm_up(const Work& work) override {
    const auto current = c10::cuda::getCurrentCUDAStream(device_);
    wait_for(stream_, current);
    {
      const c10::cuda::CUDAStreamGuard guard(stream_);
      work();
    }
    wait_for(current, stream_);
  }

  void capture(const Work& work) override {
    const c10::cuda::CUDAStreamGuard guard(stream_);
    // The graph has a pool of its own, which cannot use what warming up left in the allocator.
    c10::cuda::CUDACachingAllocator::emptyCache();
    auto generator = at::cuda::detail::getDefaultCUDAGenerator(device_);
    const auto before = copy_of(generator);
    const auto pool = at::cuda::graph_pool_handle();
    graph_ = std::make_unique<at::cuda::CUDAGraph>();
    try {
      // Other threads allocate and copy meanwhile, on streams of their own.
      graph_->capture_begin(pool, cudaStreamCaptureModeThreadLocal);
      work();
      graph_->capture_end();
    } catch (...) {
      abandon(pool);
      // Before 2.14 it would take itself to be captured still.
      const std::lock_guard lock(generator.mutex());
      generator.graphsafe_set_state(before);
      throw;
    }
  }

  void replay() override { graph_->replay(); }

 private:
  void abandon(c10::MempoolId_t pool) {
    if (c10::cuda::currentStreamCaptureStatusMayInitCtx() != c10::cuda::CaptureStatus::None) {
      succeeds([&] { graph_->capture_end(); });
    }
    graph_.reset();
    // Before 2.14 LibTorch goes on giving out the pool's memory, and keeps it, where a capture's end fails.
    const auto end = [&] { c10::cuda::CUDACachingAllocator::endAllocateToPool(device_, pool); };
    if (succeeds(end)) c10::cuda::CUDACachingAllocator::releasePool(device_, pool);
  }

  c10::DeviceIndex device_;
  c10::cuda::CUDAStream stream_;
  std::unique_ptr<at::cuda::CUDAGraph> graph_;
};

}  // namespace

std::unique_ptr<StreamCapture> make_stream_capture(c10::Device device) {
  return std::make_unique<CudaStreamCapture>(device.has_index() ? device.index()
                                                                : c10::cuda::current_device());
}

bool can_capture_streams() {
  return true;
}

}  // namespace mcloss::train

#else

namespace mcloss::train {

std::unique_ptr<StreamCapture> make_stream_capture(c10::Device) {
  return nullptr;
}

bool can_capture_streams() {
  return false;
}

}  // namespace mcloss::train

#endif
