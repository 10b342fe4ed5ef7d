#include "interpreter_exit.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

namespace shim {

namespace {

thread_local bool calls_back = false;

}  // namespace

bool interpreter_is_gone() {
  using Question = int (*)();
  // By name, because the shim also serves programs without Python; renamed in 3.13.
  static const auto question = [] {
    void* const found = dlsym(RTLD_DEFAULT, "Py_IsFinalizing");
    return reinterpret_cast<Question>(found ? found : dlsym(RTLD_DEFAULT, "_Py_IsFinalizing"));
  }();
  return question && question();
}

void mark_callback_thread() { calls_back = true; }

}  // namespace shim

// Found before the C library's, because the shim is preloaded.
extern "C" __attribute__((visibility("default"), noreturn)) void pthread_exit(void* result) {
  while (shim::calls_back && shim::interpreter_is_gone()) pause();
  using Exit = void (*)(void*);
  reinterpret_cast<Exit>(dlsym(RTLD_NEXT, "pthread_exit"))(result);
  __builtin_unreachable();
}
