#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>

namespace mcloss::train {

// Work of a GPU that is recorded once and then launched as a whole (torch.cuda.CUDAGraph).
class StreamCapture {
 public:
  using Work = std::function<void()>;

  virtual ~StreamCapture() = default;

  // Runs work on the stream that capture() records, after and before what the current stream does: libraries
  // make their handles, workspaces and choices at first use, which must not be recorded.
  virtual void warm_up(const Work& work) = 0;
  // Records work without running it. What the work throws, and what cannot be recorded, is thrown after all
  // is as before.
  virtual void capture(const Work& work) = 0;
  // Runs what was recorded, on the current stream.
  virtual void replay() = 0;
};

// Null in a build without CUDA.
std::unique_ptr<StreamCapture> make_stream_capture(c10::Device device);

// Whether make_stream_capture() gives something.
bool can_capture_streams();

}  // namespace mcloss::train
