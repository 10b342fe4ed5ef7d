// One connection to whoever is behind the shim: frames in, frames out, closed from any thread.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "frame.h"

namespace shim {

// A place on this machine: the only kind the shim ever connects to.
struct Front {
  std::string host;
  uint16_t port = 0;
  std::string socket_path;  // of a Unix socket, in place of host and port
  std::string registered;   // the address as the program gave it

  // Understands "tcp://127.0.0.1:PORT" and "tcp://localhost:PORT"; anything else is not a simulated counter.
  static std::optional<Front> parse(const std::string& address);
  // The carrier behind the Unix socket at `path`, which is to reach `registered`.
  static std::optional<Front> carried(const std::string& path, const std::string& registered);
};

// A received frame; `body` points into the link's buffer and is valid until the next receive().
struct Frame {
  FrameHeader header;
  const char* body;
};

class Link {
 public:
  // Connects, or returns nothing when no process listens.
  static std::shared_ptr<Link> connect(const Front& front);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // False when the counter is gone or took longer than a second to make room; the link is closed then.
  bool send(FrameHeader header, const void* body, size_t size);
  // Blocks for the next frame; false when the connection ended or stopped making sense.
  bool receive(Frame* frame);
  // receive() gives up after this many milliseconds; 0 waits for ever.
  void limit_receive(unsigned milliseconds);
  // Ends a blocked receive() in another thread.
  void close();

 private:
  explicit Link(int descriptor);
  bool fill(size_t wanted);

  const int descriptor_;
  std::mutex sending_;
  std::vector<char> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace shim
