#include "report.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace shim {

namespace {

constexpr size_t kBlock = 16;
constexpr int32_t kShortest = 264;
constexpr int kWrongLength = -1;
constexpr int kNotInvestorRelay = -3;
constexpr int kNotOperatorRelay = -4;
constexpr int kMalformed = -6;

bool between(unsigned char value, int low, int high) { return low <= value && value <= high; }

// Version, completeness digit, YY MM DD hh mm ss: what the vendor leaves behind, so what a second call finds.
bool is_unwrapped(const unsigned char* block) {
  return block[0] == 0x01 && std::isdigit(block[1]) && between(block[2], 0, 99) && between(block[3], 1, 12) &&
         between(block[4], 1, 31) && between(block[5], 0, 23) && between(block[6], 0, 59) && between(block[7], 0, 60);
}

void unwrap(unsigned char* block, std::time_t now) {
  std::tm local{};
  localtime_r(&now, &local);
  const unsigned char header[8] = {
      0x01,
      '3',
      static_cast<unsigned char>(local.tm_year % 100),
      static_cast<unsigned char>(local.tm_mon + 1),
      static_cast<unsigned char>(local.tm_mday),
      static_cast<unsigned char>(local.tm_hour),
      static_cast<unsigned char>(local.tm_min),
      static_cast<unsigned char>(local.tm_sec),
  };
  std::copy(std::begin(header), std::end(header), block);
  for (size_t i = sizeof header; i < kBlock; ++i) block[i] ^= 0xA5;  // unlike what was there, as a decryption is
}

// The vendor's words go to standard output, where relays are known to look for them.
int refuse(int code, const char* words, const char* method = "") {
  std::printf("%s%s\n", method, words);
  std::fflush(stdout);
  return code;
}

int permission(const ReportMethod& method, const CounterState& state) {
  const bool permitted = method.kind == ReportKind::kRegister ? state.app_type == "2"
                                                              : state.app_type == "3" && state.logged_in;
  if (permitted) return 0;
  const int code = method.kind == ReportKind::kRegister ? kNotInvestorRelay : kNotOperatorRelay;
  return refuse(code, " not permitted", method.name);
}

}  // namespace

int judge_report(const ReportMethod& method, char* record, const CounterState& state, std::time_t now) {
  int32_t length = 0;
  std::memcpy(&length, record + method.length_offset, sizeof length);
  if (length <= 0) return refuse(kWrongLength, "Bad format user system info");
  auto* block = reinterpret_cast<unsigned char*>(record + method.content_offset);
  const bool empty = std::all_of(block, block + kBlock, [](unsigned char byte) { return byte == 0; });
  const bool malformed = empty || is_unwrapped(block);
  unwrap(block, now);
  if (length < kShortest) return kWrongLength;
  if (malformed) return kMalformed;
  --length;
  std::memcpy(record + method.length_offset, &length, sizeof length);
  if (const int code = state.scripted_code(method.name)) return code;
  return permission(method, state);
}

}  // namespace shim
