// Preloaded beside the shim: whatever the program and its libraries want to reach, they reach this machine only.
// It stands in for the C library's functions that name a peer; code that makes system calls itself is not stopped.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kMostLines = 20;  // a program that tries for ever shall not fill anybody's disk

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

bool is_loopback(in_addr address) {
  const in_addr_t host = ntohl(address.s_addr);
  return (host >> 24) == IN_LOOPBACKNET || host == INADDR_ANY;  // Linux takes 0.0.0.0 for this machine
}

bool is_loopback(const in6_addr& address) {
  if (!IN6_IS_ADDR_V4MAPPED(&address)) return IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_UNSPECIFIED(&address);
  in_addr inner{};
  std::memcpy(&inner, &address.s6_addr[12], sizeof inner);
  return is_loopback(inner);
}

bool may_reach(const sockaddr* peer, socklen_t length) {
  if (!peer || length < sizeof peer->sa_family) return true;  // nothing named: the kernel judges it
  switch (peer->sa_family) {
    case AF_UNSPEC:
    case AF_UNIX:
    case AF_NETLINK:
      return true;
    case AF_INET:
      return length < sizeof(sockaddr_in) || is_loopback(reinterpret_cast<const sockaddr_in*>(peer)->sin_addr);
    case AF_INET6:
      return length < sizeof(sockaddr_in6) || is_loopback(reinterpret_cast<const sockaddr_in6*>(peer)->sin6_addr);
    default:
      return false;
  }
}

template <class Result>
Result refuse(const sockaddr* peer) {
  static std::atomic<int> lines{0};
  if (lines.fetch_add(1) < kMostLines) {
    char host[INET6_ADDRSTRLEN] = "another kind of address";
    unsigned port = 0;
    if (peer->sa_family == AF_INET) {
      const auto* const named = reinterpret_cast<const sockaddr_in*>(peer);
      inet_ntop(AF_INET, &named->sin_addr, host, sizeof host);
      port = ntohs(named->sin_port);
    } else if (peer->sa_family == AF_INET6) {
      const auto* const named = reinterpret_cast<const sockaddr_in6*>(peer);
      inet_ntop(AF_INET6, &named->sin6_addr, host, sizeof host);
      port = ntohs(named->sin6_port);
    }
    std::fprintf(stderr, "simulated counter: no way to %s port %u: this program reaches its own machine only\n", host, port);
  }
  errno = ENETUNREACH;
  return -1;
}

const sockaddr* peer_of(const msghdr* message) { return static_cast<const sockaddr*>(message->msg_name); }

bool may_send(const msghdr* message) { return !message || may_reach(peer_of(message), message->msg_namelen); }

}  // namespace

EXPORTED int connect(int descriptor, const sockaddr* peer, socklen_t length) {
  if (!may_reach(peer, length)) return refuse<int>(peer);
  static const auto next = real<int(int, const sockaddr*, socklen_t)>("connect");
  return next(descriptor, peer, length);
}

EXPORTED ssize_t sendto(int descriptor, const void* data, size_t size, int flags, const sockaddr* peer, socklen_t length) {
  if (!may_reach(peer, length)) return refuse<ssize_t>(peer);
  static const auto next = real<ssize_t(int, const void*, size_t, int, const sockaddr*, socklen_t)>("sendto");
  return next(descriptor, data, size, flags, peer, length);
}

EXPORTED ssize_t sendmsg(int descriptor, const msghdr* message, int flags) {
  if (!may_send(message)) return refuse<ssize_t>(peer_of(message));
  static const auto next = real<ssize_t(int, const msghdr*, int)>("sendmsg");
  return next(descriptor, message, flags);
}

EXPORTED int sendmmsg(int descriptor, mmsghdr* messages, unsigned count, int flags) {
  for (unsigned i = 0; messages && i < count; ++i) {
    if (!may_send(&messages[i].msg_hdr)) return refuse<int>(peer_of(&messages[i].msg_hdr));
  }
  static const auto next = real<int(int, mmsghdr*, unsigned, int)>("sendmmsg");
  return next(descriptor, messages, count, flags);
}
