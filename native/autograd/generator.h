#pragma once

#include <ATen/core/Generator.h>

namespace mcloss::autograd {

// LibTorch has one default generator for all threads on the CPU, so that of two trainings at once each would
// take numbers that are the other's. Within a scope, operators of this thread draw from the scope's where
// they are given none; outside, and on other devices, from LibTorch's.
class GeneratorScope {
 public:
  explicit GeneratorScope(const at::Generator& generator);
  ~GeneratorScope();
  GeneratorScope(const GeneratorScope&) = delete;
  GeneratorScope& operator=(const GeneratorScope&) = delete;

 private:
  at::Generator previous_;
  bool was_included_;
};

// For the rest of this thread's life.
void use_generator(const at::Generator& generator);

// A generator that starts where no other does.
at::Generator make_cpu_generator();

// What operators of this thread draw from on the CPU.
at::Generator current_generator();

// Makes every operator that takes a generator look for the scope's. Without it scopes do nothing.
void install_generators();

}  // namespace mcloss::autograd
