// A terminal's Call, as its bytes come in a TerminalMessage -> the struct of the request that it carries.
#pragma once

#include <vector>

#include "plan.h"
#include "python.h"

namespace native {

// The requests of one catalog. It reads what fits as it is, and judges nothing: of everything else (a text that is not ASCII, or too long,
// a field that is not known, one that comes twice, a number that is not finite) Python reads the message, and says what is wrong.
class Decoder {
 public:
  explicit Decoder(const Plan& plan);

  // (request id, milliseconds it is valid for, client order key, fresh, place of the request in the plan, struct as a bytearray);
  // None where Python is to read it, null with a Python error set.
  PyObject* call(const char* data, size_t size) const;

 private:
  struct Place {
    uint32_t number;
    uint32_t wire_type;
    const FieldPlan* field;
  };

  const Place* place_of(uint32_t struct_index, uint32_t number) const;
  bool fill(uint32_t struct_index, const char* at, const char* end, char* body) const;

  const Plan& plan_;
  std::vector<std::vector<Place>> places_;  // of each struct, by the number in its message
};

}  // namespace native
