#include "caller.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>

#include "abi.h"

namespace shim {

namespace {

constexpr int kRefused = 127;  // what a shell says of a program it cannot start

constexpr std::array<uint32_t, 256> crc32_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? (value >> 1) ^ 0xEDB88320u : value >> 1;
    table[i] = value;
  }
  return table;
}

bool is_known(const char* path) {
  static constexpr auto kTable = crc32_table();
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "rbe"), std::fclose);
  if (!file) return false;
  uint64_t size = 0;
  uint32_t crc = 0xFFFFFFFFu;
  std::array<unsigned char, 64 * 1024> block;
  while (const size_t got = std::fread(block.data(), 1, block.size(), file.get())) {
    for (size_t i = 0; i < got; ++i) crc = kTable[(crc ^ block[i]) & 0xFF] ^ (crc >> 8);
    size += got;
  }
  return size == kCallerSize && (crc ^ 0xFFFFFFFFu) == kCallerCrc32;
}

[[noreturn]] void refuse(const char* path) {
  std::fprintf(stderr,
               "simulated counter: %s is not the binding this library was built for (%s); "
               "start the program with `ctp-simcounter exec --python INTERPRETER`\n",
               path, kCallerName);
  _exit(kRefused);
}

}  // namespace

void require_known_caller(const void* address) {
  Dl_info found{};
  if (dladdr(address, &found) == 0 || !found.dli_fname) refuse("the calling code");
  // Asked once: a process has one binding, and reading its file takes some hundredths of a second.
  static const void* const known = is_known(found.dli_fname) ? found.dli_fbase : nullptr;
  if (found.dli_fbase != known) refuse(found.dli_fname);
}

}  // namespace shim
