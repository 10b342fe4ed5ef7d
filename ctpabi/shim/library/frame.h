// What the shim and the counter say to each other: a 16-byte little-endian header, then the body.
#pragma once

#include <cstdint>
#include <string>

namespace shim {

enum class FrameType : uint8_t {
  kHello = 'H',   // JSON both ways; the first frame of each side
  kCall = 'C',    // shim -> counter: one request; slot = API vtable slot, body = the struct
  kEvent = 'E',   // counter -> shim: one callback; slot = Spi vtable slot, body = the struct, then RspInfo
  kReport = 'R',  // shim -> counter: a Register/Submit the shim accepted; body = the struct as the caller wrote it
  kState = 'S',   // counter -> shim: JSON; what synchronous calls are answered from
};

enum EventFlag : uint8_t {
  kHasStruct = 1,
  kHasRspInfo = 2,
  kIsLast = 4,
};

struct FrameHeader {
  uint32_t body_length;
  FrameType type;
  uint8_t flags;
  uint16_t slot;
  int32_t request_id;
  uint32_t aux;  // events: length of the struct, or the reason of OnFrontDisconnected and OnHeartBeatWarning
};
static_assert(sizeof(FrameHeader) == 16, "the header is read and written as it lies in memory");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian, like every machine CTP runs on");

// More than this in one frame means the two sides no longer agree where frames begin.
constexpr uint32_t kLargestBody = 1 << 20;

}  // namespace shim
