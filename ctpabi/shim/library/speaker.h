// On whose behalf this library answers: a simulated counter's, or a relay's through the process that carries it there.
#pragma once

#include "abi.h"

namespace shim {

// What lines for a person begin with.
constexpr const char* kSpeaker = kThroughCarrier ? "ctp-terminal exec" : "simulated counter";

// Names the Unix socket of the carrier, whichever front a program registers.
constexpr char kCarrierVariable[] = "CTP_RELAY_CARRIER";

}  // namespace shim
