// What waits between the vendor's thread and the event loop: copied callbacks, one after the other, and one wake-up for a burst.
//
// The vendor's thread holds the lock while it copies one record and wakes the loop, the loop while it takes all chunks at once: a few
// instructions each, and neither waits for the interpreter. `woken` says that a wake-up is on its way. A record is there before the flag is
// looked at, and the flag is cleared before the chunks are taken, so that none is left behind. The descriptor is closed under the lock, and
// looked at under it: whoever gets its number afterwards is never written to.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace native {

struct Record {
  uint16_t slot;
  bool has_body;
  bool has_rsp_info;
  bool is_last;
  int32_t request_id;
  int32_t reason;
};

class Chunk {
 public:
  static constexpr size_t kSize = 256 * 1024;

  explicit Chunk(size_t size) : size_(size), bytes_(new char[size]) {}

  size_t left() const { return size_ - used_; }
  const char* begin() const { return bytes_.get(); }
  const char* end() const { return bytes_.get() + used_; }

  void append(const void* from, size_t length) {
    std::memcpy(bytes_.get() + used_, from, length);
    used_ += length;
  }

 private:
  size_t size_;
  size_t used_ = 0;
  std::unique_ptr<char[]> bytes_;
};

using Chunks = std::vector<Chunk>;

class Queue {
 public:
  explicit Queue(size_t limit) : limit_(limit), wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
  ~Queue() { shut(); }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // -1 once it is shut.
  int descriptor() const { return wake_; }
  bool overflowed() const { return overflowed_.load(); }

  // Nothing more is taken; what waits is forgotten.
  void shut() {
    std::lock_guard<std::mutex> held(lock_);
    chunks_.clear();
    count_ = 0;
    if (wake_ >= 0) close(wake_);
    wake_ = -1;
  }

  // On the vendor's thread. Never waits for the loop and never throws.
  void put(const Record& record, const void* body, size_t body_size, const void* rsp_info, size_t rsp_info_size) noexcept {
    std::lock_guard<std::mutex> held(lock_);
    if (wake_ < 0) return;
    if (count_ >= limit_ || !append(record, body, body_size, rsp_info, rsp_info_size)) {
      overflowed_ = true;
    } else {
      ++count_;
    }
    if (!woken_) {
      woken_ = true;
      const uint64_t one = 1;
      // It can fail only where it is full, and then the loop is woken anyway.
      [[maybe_unused]] ssize_t written = write(wake_, &one, sizeof one);
    }
  }

  // On the loop: everything that waits, in order.
  Chunks take(size_t& count) {
    Chunks taken;
    std::lock_guard<std::mutex> held(lock_);
    uint64_t ignored;
    [[maybe_unused]] ssize_t got = wake_ < 0 ? 0 : read(wake_, &ignored, sizeof ignored);
    woken_ = false;
    taken.swap(chunks_);
    count = count_;
    count_ = 0;
    return taken;
  }

 private:
  bool append(const Record& record, const void* body, size_t body_size, const void* rsp_info, size_t rsp_info_size) noexcept {
    size_t size = sizeof record + body_size + rsp_info_size;
    try {
      if (chunks_.empty() || chunks_.back().left() < size) chunks_.emplace_back(size > Chunk::kSize ? size : Chunk::kSize);
    } catch (const std::bad_alloc&) {
      return false;
    }
    Chunk& chunk = chunks_.back();
    chunk.append(&record, sizeof record);
    if (body_size != 0) chunk.append(body, body_size);
    if (rsp_info_size != 0) chunk.append(rsp_info, rsp_info_size);
    return true;
  }

  const size_t limit_;
  std::mutex lock_;
  int wake_;  // -1: nothing more is taken
  Chunks chunks_;
  size_t count_ = 0;
  bool woken_ = false;
  std::atomic<bool> overflowed_{false};
};

}  // namespace native
