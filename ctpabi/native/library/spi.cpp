#include "spi.h"

#include <typeinfo>
#include <utility>

namespace native {
namespace {

// The two ABIs this is built for pass `this` and the arguments in registers; a method that takes fewer leaves the rest unread, and
// an int or a bool has its value in the low bits alone.
#if !defined(__x86_64__) && !defined(__aarch64__)
#error "how this machine passes arguments is not known here"
#endif

using Callee = void (*)(Spi*, void*, void*, long, long);

int as_int(const void* argument) { return static_cast<int>(reinterpret_cast<intptr_t>(argument)); }
bool as_bool(long argument) { return (argument & 0xFF) != 0; }

void put(Spi* spi, Record record, const void* body, const void* rsp_info) {
  const CallbackPlan& callback = spi->plan->callbacks[record.slot];
  size_t body_size = 0;
  if (body != nullptr && callback.struct_index >= 0) {
    body_size = spi->plan->structs[static_cast<size_t>(callback.struct_index)].size;
    record.has_body = true;
  }
  record.has_rsp_info = rsp_info != nullptr;
  spi->queue->put(record, body, body_size, rsp_info, record.has_rsp_info ? spi->plan->rsp_info_size : 0);
}

void called(Spi* spi, size_t slot, void* first, void* second, long third, long fourth) {
  if (slot >= spi->plan->callbacks.size()) return;
  Record record{};
  record.slot = static_cast<uint16_t>(slot);
  record.is_last = true;
  switch (spi->plan->callbacks[slot].shape) {
    case Shape::kResponse:
      record.request_id = static_cast<int32_t>(third);
      record.is_last = as_bool(fourth);
      return put(spi, record, first, second);
    case Shape::kResponseError:
      record.request_id = as_int(second);
      record.is_last = as_bool(third);
      return put(spi, record, nullptr, first);
    case Shape::kErrorNotice:
      return put(spi, record, first, second);
    case Shape::kNotice:
      return put(spi, record, first, nullptr);
    case Shape::kConnection:
      record.reason = as_int(first);
      return put(spi, record, nullptr, nullptr);
  }
}

template <size_t slot>
void entry(Spi* spi, void* first, void* second, long third, long fourth) {
  called(spi, slot, first, second, third, fourth);
}

struct Vtable {
  intptr_t offset_to_top;
  const std::type_info* type;
  Callee entries[kSlots];
};

template <size_t... slots>
const Vtable* table_of(std::index_sequence<slots...>) {
  static const Vtable table{0, &typeid(Spi), {&entry<slots>...}};
  return &table;
}

}  // namespace

const void* spi_table() { return table_of(std::make_index_sequence<kSlots>())->entries; }

void call_slot(void* spi, long slot, void* first, void* second, long third, long fourth) {
  using AnyCallee = void (*)(void*, void*, void*, long, long);
  (*reinterpret_cast<AnyCallee**>(spi))[slot](spi, first, second, third, fourth);
}

}  // namespace native
