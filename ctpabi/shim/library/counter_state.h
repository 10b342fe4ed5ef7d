// The counter's latest state at the shim: answers calls that must return at once.
#pragma once

#include <map>
#include <string>

#include "json.h"

namespace shim {

struct FrontFacts {
  std::string address;
  int queries_per_second = 0;
  int packets_per_second = 0;
};

struct CounterState {
  std::string trading_day = "19800100";  // the vendor's word for "not logged in yet"
  std::string app_type;                  // '1' direct, '2' investor relay, '3' operator relay; empty: not authenticated
  bool logged_in = false;
  bool limits_queries = false;
  FrontFacts front;
  std::map<std::string, int> return_codes;  // by method name

  // Takes over the members `changes` names.
  void apply(const Json& changes);
  // What the counter wants `method` to return without being asked; 0 when nothing is scripted.
  int scripted_code(const char* method) const;
};

}  // namespace shim
