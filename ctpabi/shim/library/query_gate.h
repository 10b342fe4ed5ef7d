// CTP's limits on queries: one in flight per session until bIsLast, and so many a second.
#pragma once

#include <chrono>
#include <cstdint>

namespace shim {

constexpr int kTooManyPending = -2;
constexpr int kTooManyPerSecond = -3;

class QueryGate {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  // 0 lets the query pass and holds the gate for it. `per_second` 0 means no limit.
  int enter(int32_t request_id, int per_second, Instant now) {
    if (in_flight_) return kTooManyPending;
    if (now - second_began_ >= std::chrono::seconds(1)) {
      second_began_ = now;
      this_second_ = 0;
    }
    if (per_second > 0 && this_second_ >= per_second) return kTooManyPerSecond;
    ++this_second_;
    in_flight_ = true;
    request_id_ = request_id;
    return 0;
  }
  // The last row of an answer arrived.
  void answered(int32_t request_id) {
    if (request_id == request_id_) in_flight_ = false;
  }
  // The query never left, or its connection is gone.
  void open() { in_flight_ = false; }

 private:
  bool in_flight_ = false;
  int32_t request_id_ = 0;
  int this_second_ = 0;
  Instant second_began_{};
};

}  // namespace shim
