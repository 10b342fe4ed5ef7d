// The vendor's own library in this process, whose place this one takes: it says for which CTP the program was compiled.
#pragma once

#include <string>
#include <vector>

namespace shim {

struct VendorLibrary {
  std::string path;
  std::string version;  // what its GetApiVersion says: v6.7.11_20250617 16:22:00.10369
};

// Every loaded file that exports the vendor's functions, but this one.
std::vector<VendorLibrary> vendor_libraries();

using Dlsym = void*(void*, const char*) noexcept;

// The C library's dlsym, past this library's own.
Dlsym* c_library_dlsym();

// What this library exports under `name`.
void* own_symbol(const char* name);

}  // namespace shim
