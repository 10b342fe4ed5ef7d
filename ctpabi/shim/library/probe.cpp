// A trader and market data library that does nothing but write down what is called: it proves which vtable slot each of
// the binding's methods uses, and lets each slot of a Python Spi be called by number. Knows no version of CTP.
#include <cstddef>
#include <utility>

#define EXPORTED __attribute__((visibility("default")))

namespace {

constexpr size_t kSlots = 512;  // CTP's classes have fewer than 200 methods

struct Recorded {
  long calls = 0;
  long slot = -1;
  void* first = nullptr;
  long second = 0;
};
Recorded recorded;

// The Itanium ABI passes `this` and the arguments in registers; a method that takes fewer leaves the rest unread.
template <size_t slot>
long record(void*, void* first, long second) {
  recorded = {recorded.calls + 1, static_cast<long>(slot), first, static_cast<int>(second)};
  return 0;
}

using Slot = long (*)(void*, void*, long);

template <size_t... slots>
const Slot* table(std::index_sequence<slots...>) {
  static const Slot entries[] = {&record<slots>...};
  return entries;
}

struct RecordingApi {
  const Slot* vtable;
};

template <class Api>
Api* recording() {
  static RecordingApi api{table(std::make_index_sequence<kSlots>())};
  return reinterpret_cast<Api*>(&api);
}

}  // namespace

class EXPORTED CThostFtdcTraderApi {
 public:
  static CThostFtdcTraderApi* CreateFtdcTraderApi(const char*, bool);
  static CThostFtdcTraderApi* CreateFtdcTraderApi(const char*);
  static const char* GetApiVersion();
};

class EXPORTED CThostFtdcMdApi {
 public:
  static CThostFtdcMdApi* CreateFtdcMdApi(const char*, bool);
  static CThostFtdcMdApi* CreateFtdcMdApi(const char*, bool, bool);
  static CThostFtdcMdApi* CreateFtdcMdApi(const char*, bool, bool, bool);
  static const char* GetApiVersion();
};

CThostFtdcTraderApi* CThostFtdcTraderApi::CreateFtdcTraderApi(const char*, bool) { return recording<CThostFtdcTraderApi>(); }
CThostFtdcTraderApi* CThostFtdcTraderApi::CreateFtdcTraderApi(const char*) { return recording<CThostFtdcTraderApi>(); }
const char* CThostFtdcTraderApi::GetApiVersion() { return "probe"; }
CThostFtdcMdApi* CThostFtdcMdApi::CreateFtdcMdApi(const char*, bool) { return recording<CThostFtdcMdApi>(); }
CThostFtdcMdApi* CThostFtdcMdApi::CreateFtdcMdApi(const char*, bool, bool) { return recording<CThostFtdcMdApi>(); }
CThostFtdcMdApi* CThostFtdcMdApi::CreateFtdcMdApi(const char*, bool, bool, bool) { return recording<CThostFtdcMdApi>(); }
const char* CThostFtdcMdApi::GetApiVersion() { return "probe"; }

extern "C" {

EXPORTED long probe_calls() { return recorded.calls; }
EXPORTED long probe_slot() { return recorded.slot; }
EXPORTED void* probe_first_argument() { return recorded.first; }
EXPORTED long probe_second_argument() { return recorded.second; }

// Calls slot `slot` of a Spi with these four as its arguments, in order.
EXPORTED void probe_call_back(void* spi, long slot, void* first, void* second, long third, long fourth) {
  using CallBack = void (*)(void*, void*, void*, long, long);
  (*reinterpret_cast<CallBack**>(spi))[slot](spi, first, second, third, fourth);
}
}
