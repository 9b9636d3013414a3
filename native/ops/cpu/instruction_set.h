#pragma once

namespace mcloss::cpu {

// What kernels are compiled for; each has the instructions of those before it.
enum class InstructionSet { kBaseline, kAvx2, kAvx512 };

// The last that this processor has.
inline InstructionSet instruction_set() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return InstructionSet::kBaseline;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx512 ? InstructionSet::kAvx512 : InstructionSet::kAvx2;
#else
  return InstructionSet::kBaseline;
#endif
}

}  // namespace mcloss::cpu
