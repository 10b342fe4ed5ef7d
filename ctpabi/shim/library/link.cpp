#include "link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace shim {

namespace {

constexpr size_t kReadAhead = 32 * 1024;
constexpr unsigned kSendMilliseconds = 1000;

bool reach_socket(int descriptor, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return ::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

bool reach_port(int descriptor, const Front& front) {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(front.port);
  inet_pton(AF_INET, front.host.c_str(), &address.sin_addr);
  return ::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

void set_timeout(int descriptor, int option, unsigned milliseconds) {
  const timeval limit{static_cast<time_t>(milliseconds / 1000), static_cast<suseconds_t>(milliseconds % 1000) * 1000};
  setsockopt(descriptor, SOL_SOCKET, option, &limit, sizeof limit);
}

}  // namespace

std::optional<Front> Front::parse(const std::string& address) {
  const std::string scheme = "tcp://";
  const size_t colon = address.rfind(':');
  if (address.compare(0, scheme.size(), scheme) != 0 || colon == std::string::npos || colon < scheme.size()) return {};
  std::string host = address.substr(scheme.size(), colon - scheme.size());
  if (host == "localhost") host = "127.0.0.1";
  in_addr parsed{};
  if (inet_pton(AF_INET, host.c_str(), &parsed) != 1 || (ntohl(parsed.s_addr) >> 24) != IN_LOOPBACKNET) return {};
  uint16_t port = 0;
  const char* const last = address.data() + address.size();
  const auto number = std::from_chars(address.data() + colon + 1, last, port);
  if (number.ec != std::errc() || number.ptr != last || port == 0) return {};
  return Front{host, port, "", address};
}

std::optional<Front> Front::carried(const std::string& path, const std::string& registered) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) return {};
  return Front{"", 0, path, registered};
}

Link::Link(int descriptor) : descriptor_(descriptor), buffer_(kReadAhead) {}

Link::~Link() { ::close(descriptor_); }

std::shared_ptr<Link> Link::connect(const Front& front) {
  const bool is_local = !front.socket_path.empty();
  const int descriptor = socket(is_local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return nullptr;
  std::shared_ptr<Link> link(new Link(descriptor));
  set_timeout(descriptor, SO_SNDTIMEO, kSendMilliseconds);
  return (is_local ? reach_socket(descriptor, front.socket_path) : reach_port(descriptor, front)) ? link : nullptr;
}

bool Link::send(FrameHeader header, const void* body, size_t size) {
  header.body_length = static_cast<uint32_t>(size);
  iovec parts[2] = {{&header, sizeof header}, {const_cast<void*>(body), size}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  const std::lock_guard<std::mutex> lock(sending_);
  while (parts[0].iov_len + parts[1].iov_len > 0) {
    ssize_t sent = sendmsg(descriptor_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) {
      close();  // half a frame may be out: nothing sent after it would be understood
      return false;
    }
    for (iovec& part : parts) {
      const size_t taken = std::min(static_cast<size_t>(sent), part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + taken;
      part.iov_len -= taken;
      sent -= static_cast<ssize_t>(taken);
    }
  }
  return true;
}

bool Link::fill(size_t wanted) {
  if (end_ - begin_ >= wanted) return true;
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  while (end_ < wanted) {
    const ssize_t got = recv(descriptor_, buffer_.data() + end_, buffer_.size() - end_, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    end_ += static_cast<size_t>(got);
  }
  return true;
}

bool Link::receive(Frame* frame) {
  if (!fill(sizeof(FrameHeader))) return false;
  std::memcpy(&frame->header, buffer_.data() + begin_, sizeof(FrameHeader));
  const size_t length = frame->header.body_length;
  if (length > kLargestBody || !fill(sizeof(FrameHeader) + length)) return false;
  frame->body = buffer_.data() + begin_ + sizeof(FrameHeader);
  begin_ += sizeof(FrameHeader) + length;
  return true;
}

void Link::limit_receive(unsigned milliseconds) { set_timeout(descriptor_, SO_RCVTIMEO, milliseconds); }

void Link::close() { shutdown(descriptor_, SHUT_RDWR); }

}  // namespace shim
