// From a Spi slot number to the virtual call with the right arguments.
#pragma once

#include "abi.h"

namespace shim {

struct Arguments {
  void* record;  // nullptr: the NULL pointer of an empty answer
  void* rsp_info;
  int request_id;
  bool is_last;
  int reason;  // of OnFrontDisconnected and OnHeartBeatWarning
};

inline void dispatch(Spi* spi, int slot, const Arguments& event) {
  switch (slot) {
#include "dispatch.inc"
    default:
      break;
  }
}

}  // namespace shim
