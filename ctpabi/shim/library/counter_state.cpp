#include "counter_state.h"

namespace shim {

namespace {

void take(const Json& from, const char* name, std::string* to) {
  if (const Json* value = from.member(name)) *to = value->string();
}
void take(const Json& from, const char* name, int* to) {
  if (const Json* value = from.member(name)) *to = value->integer();
}
void take(const Json& from, const char* name, bool* to) {
  if (const Json* value = from.member(name)) *to = value->is_true();
}

}  // namespace

void CounterState::apply(const Json& changes) {
  take(changes, "trading_day", &trading_day);
  take(changes, "app_type", &app_type);
  take(changes, "logged_in", &logged_in);
  take(changes, "limit_queries", &limits_queries);
  if (const Json* info = changes.member("front_info")) {
    take(*info, "FrontAddr", &front.address);
    take(*info, "QryFreq", &front.queries_per_second);
    take(*info, "FTDPkgFreq", &front.packets_per_second);
  }
  if (const Json* codes = changes.member("return_codes")) {
    return_codes.clear();
    for (const auto& [method, code] : codes->members()) return_codes[method] = code.integer();
  }
}

int CounterState::scripted_code(const char* method) const {
  const auto found = return_codes.find(method);
  return found == return_codes.end() ? 0 : found->second;
}

}  // namespace shim
