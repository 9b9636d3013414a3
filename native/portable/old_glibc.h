// Included before every source of the addon: what newer systems have in several versions is taken in the
// oldest, so that the addon runs where LibTorch does, on glibc 2.28 with GCC 8's libstdc++. A test tells what
// is still above.
#pragma once

#include <features.h>

#if defined(__GLIBC__) && defined(__x86_64__)

#define MCLOSS_OLDEST(symbol) __asm__(".symver " #symbol "," #symbol "@GLIBC_2.2.5")

MCLOSS_OLDEST(exp);
MCLOSS_OLDEST(exp2);
MCLOSS_OLDEST(log);
MCLOSS_OLDEST(log2);
MCLOSS_OLDEST(pow);
MCLOSS_OLDEST(dladdr);
MCLOSS_OLDEST(dlerror);
MCLOSS_OLDEST(dlopen);
MCLOSS_OLDEST(dlsym);
MCLOSS_OLDEST(pthread_create);
MCLOSS_OLDEST(pthread_detach);
MCLOSS_OLDEST(pthread_join);
MCLOSS_OLDEST(pthread_once);
// std::condition_variable::wait()
__asm__(
    ".symver _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE,"
    "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");

#undef MCLOSS_OLDEST

// glibc 2.32 has it for libstdc++'s reference counts. Here there are always several threads, which 0 says.
extern "C" {
extern char __libc_single_threaded;
__attribute__((visibility("hidden"), weak)) char __libc_single_threaded = 0;
}

#endif
