#include "caller.h"

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "abi.h"
#include "speaker.h"
#include "vendor.h"

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

[[noreturn]] void refuse(const std::string& english, const std::string& chinese = "") {
  std::fprintf(stderr, "%s: %s\n", kSpeaker, english.c_str());
  if (!chinese.empty()) std::fprintf(stderr, "%s：%s\n", kSpeaker, chinese.c_str());
  _exit(kRefused);
}

[[noreturn]] void refuse_binding(const char* path) {
  refuse(std::string(path) + " is not the binding this library was built for (" + kCallerName +
         "); start the program with `ctp-simcounter exec --python INTERPRETER`");
}

void require_binding(const void* address) {
  Dl_info found{};
  if (dladdr(address, &found) == 0 || !found.dli_fname) refuse_binding("the calling code");
  // Asked once: a process has one binding, and reading its file takes some hundredths of a second.
  static const void* const known = is_known(found.dli_fname) ? found.dli_fbase : nullptr;
  if (found.dli_fbase != known) refuse_binding(found.dli_fname);
}

void require_vendor_of_this_ctp() {
  const std::string ours = kVersion;
  if (!std::getenv(kCarrierVariable)) {
    refuse("no process carries this program to its relay; start it with `ctp-terminal exec PROGRAM`",
           "没有转接进程；请用 `ctp-terminal exec 程序` 启动");
  }
  const std::vector<VendorLibrary> vendors = vendor_libraries();
  if (vendors.empty()) {
    refuse("for which CTP this program was compiled cannot be told: it has loaded no library of the vendor's; leave that one in its place",
           "无法判断本程序使用的 CTP 版本：没有加载官方库；请把官方库留在原处");
  }
  for (const VendorLibrary& vendor : vendors) {
    if (vendor.version.compare(0, sizeof kVendorVersion - 1, kVendorVersion) == 0) continue;
    refuse("this program was compiled for CTP " + vendor.version + " (" + vendor.path + "); only programs for CTP " + ours + " can be carried to a relay",
           "本程序使用 CTP " + vendor.version + "（" + vendor.path + "），只能转接使用 CTP " + ours + " 的程序");
  }
}

}  // namespace

void require_known_caller(const void* address) {
  if (!kThroughCarrier) return require_binding(address);
  require_vendor_of_this_ctp();
}

}  // namespace shim
