{
  "target_defaults": {
    "cflags!": ["-fno-exceptions"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": [
      "-std=c++20", "-O2", "-fexceptions", "-frtti", "-fvisibility=hidden",
      "-isystem", "<(torch_root)/include",
      "-isystem", "<(torch_root)/include/torch/csrc/api/include",
    ],
    "ldflags": [
      "-L<(torch_root)/lib",
      "-Wl,-rpath,'$$ORIGIN'", "-Wl,-rpath,'$$ORIGIN/lib.target'", "-Wl,-rpath,'$$ORIGIN/libtorch/lib'",
      "-Wl,--no-as-needed", "-Wl,-z,now",
    ],
    "libraries": ["-ltorch", "-ltorch_cpu", "-lc10"],
  },
  "targets": [
    {
      "target_name": "mcloss_avx2",
      "type": "static_library",
      "cflags_cc": ["-O3", "-mavx2", "-mfma"],
      "sources": ["<!@(node -p \"require('./native/sources.json').avx2.join(' ')\")"],
    },
    {
      "target_name": "mcloss_avx512",
      "type": "static_library",
      "cflags_cc": ["-O3", "-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"],
      "sources": ["<!@(node -p \"require('./native/sources.json').avx512.join(' ')\")"],
    },
    {
      "target_name": "mcloss_ops",
      "product_prefix": "lib",
      "dependencies": ["mcloss_avx2", "mcloss_avx512"],
      "cflags_cc": ["-O3", "-fopenmp"],
      "type": "shared_library",
      "sources": ["<!@(node native/unity.cjs ops)"],
    },
    {
      "target_name": "mcloss_distributed",
      "type": "static_library",
      "defines": ["USE_DISTRIBUTED", "USE_C10D_GLOO"],
      "include_dirs": ["native/distributed/gloo_shim"],
      "sources": ["<!@(node native/unity.cjs distributed)"],
    },
    {
      "target_name": "mcloss",
      "dependencies": ["mcloss_distributed", "mcloss_ops"],
      "defines": [
        "NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
      ],
      "include_dirs": [".", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "sources": ["<!@(node native/unity.cjs addon)"],
    },
  ],
}
