// For programs that open the vendor's library themselves and ask it for its functions by name: they get this library's.
#include <cstring>

#include "abi.h"
#include "vendor.h"

namespace {

bool is_of_the_vendor(const char* name) {
  return name && std::strncmp(name, shim::kMangledClass, sizeof shim::kMangledClass - 1) == 0;
}

// A function that the opened library does not have stays missing: programs try several spellings.
void* in_its_place(void* handle, const char* name) noexcept {
  return shim::c_library_dlsym()(handle, name) ? shim::own_symbol(name) : nullptr;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void* dlsym(void* handle, const char* name) noexcept {
  shim::Dlsym* const found = is_of_the_vendor(name) ? &in_its_place : shim::c_library_dlsym();
  return found(handle, name);  // a jump: for RTLD_NEXT the C library looks at whose code is to go on afterwards
}
