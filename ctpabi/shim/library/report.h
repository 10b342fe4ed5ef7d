// RegisterUserSystemInfo and its kin: what they return, and what they leave in the caller's memory.
#pragma once

#include <cstddef>
#include <ctime>

#include "counter_state.h"

namespace shim {

enum class ReportKind { kRegister, kSubmit };

// Where a report method finds the collector's bytes inside its struct.
struct ReportMethod {
  const char* name;
  int slot;
  ReportKind kind;
  size_t length_offset;
  size_t content_offset;
};

// Judges the report at `record` as the vendor's library does, prints what it prints, and rewrites the record as it does:
// the first 16 bytes are unwrapped in place, and the length drops by one when they were well formed.
// 0 means: accepted, send the record as it was before this call.
int judge_report(const ReportMethod& method, char* record, const CounterState& state, std::time_t now);

}  // namespace shim
