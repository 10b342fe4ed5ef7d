// An object with the vendor's Spi for a virtual table, for every catalog: what stands in a slot is looked up by its number.
#pragma once

#include <cstddef>
#include <memory>

#include "plan.h"
#include "queue.h"

namespace native {

constexpr size_t kSlots = 512;  // CTP's classes have fewer than 200 methods

// The vendor's code sees an object whose first word is its virtual table, as the Itanium ABI lays it out.
struct Spi {
  const void* table;
  const Plan* plan;
  Queue* queue;
};

const void* spi_table();

// Calls slot `slot` of the Spi at `spi` as the vendor's code does, with these four as its arguments, in order.
void call_slot(void* spi, long slot, void* first, void* second, long third, long fourth);

}  // namespace native
