// Preloading leaves the vendor's library mapped, with its functions shadowed: it is asked for its version and nothing else.
#include "vendor.h"

#include <dlfcn.h>
#include <link.h>

#include <atomic>
#include <memory>

#include "abi.h"

namespace shim {

namespace {

struct Loaded {
  std::string path;
  const void* base;
};

int note(dl_phdr_info* info, size_t, void* found) {
  if (info->dlpi_name && info->dlpi_name[0] != '\0') {
    static_cast<std::vector<Loaded>*>(found)->push_back({info->dlpi_name, reinterpret_cast<const void*>(info->dlpi_addr)});
  }
  return 0;
}

const void* own_base() {
  Dl_info own{};
  return dladdr(reinterpret_cast<const void*>(&c_library_dlsym), &own) ? own.dli_fbase : nullptr;
}

}  // namespace

Dlsym* c_library_dlsym() {
  // No guarded static: an allocator that is looked up meanwhile comes here again.
  static std::atomic<Dlsym*> next{nullptr};
  Dlsym* found = next.load(std::memory_order_relaxed);
  if (!found) {
    found = reinterpret_cast<Dlsym*>(dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5"));
    next.store(found, std::memory_order_relaxed);
  }
  return found;
}

void* own_symbol(const char* name) {
  Dl_info own{};
  if (!dladdr(reinterpret_cast<const void*>(&c_library_dlsym), &own)) return nullptr;
  const std::unique_ptr<void, int (*)(void*)> handle(dlopen(own.dli_fname, RTLD_LAZY | RTLD_NOLOAD), dlclose);
  return handle ? c_library_dlsym()(handle.get(), name) : nullptr;
}

std::vector<VendorLibrary> vendor_libraries() {
  std::vector<Loaded> loaded;
  dl_iterate_phdr(note, &loaded);
  std::vector<VendorLibrary> libraries;
  for (const Loaded& file : loaded) {
    if (file.base == own_base()) continue;
    const std::unique_ptr<void, int (*)(void*)> handle(dlopen(file.path.c_str(), RTLD_LAZY | RTLD_NOLOAD), dlclose);
    void* const ask = handle ? c_library_dlsym()(handle.get(), kVersionSymbol) : nullptr;
    Dl_info where{};
    if (!ask || !dladdr(ask, &where) || where.dli_fbase != file.base) continue;
    const char* const version = reinterpret_cast<const char* (*)()>(ask)();
    libraries.push_back({file.path, version ? version : ""});
  }
  return libraries;
}

}  // namespace shim
