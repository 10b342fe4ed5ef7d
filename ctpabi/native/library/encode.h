// Struct bytes -> protobuf wire bytes: the same bytes as ctpabi/codec/wire.py writes, and the event around them.
#pragma once

#include <string>
#include <vector>

#include "plan.h"
#include "python.h"

namespace native {

// A text of the counter's as UTF-8, by Python's own GB18030. What was asked lately is kept: states of orders come again and again.
class Texts {
 public:
  Texts();

  // Null with a Python error set where even that fails. Valid until the next call.
  const std::string* utf8(const char* text, size_t length);

 private:
  struct Known {
    std::string text;
    std::string utf8;
  };
  std::vector<Known> known_;
};

// The events of one catalog. Called with the interpreter's lock.
class Encoder {
 public:
  explicit Encoder(const Plan& plan);

  // Serialized ctp.v1.Event; null with a Python error set. `body` is null where CTP passed NULL. `rest` is written behind it.
  PyObject* event(const CallbackPlan& callback, const char* body, int32_t request_id, bool is_last, const char* rest, size_t rest_length);

  // Serialized message of one struct.
  PyObject* message(const StructPlan& plan, const char* body);

  // Numbers and tags of what every event has.
  Tag request_id{}, is_last{}, empty{};

 private:
  char* content(const StructPlan& plan, const char* body, char* out);
  char* text(const FieldPlan& field, const char* at, char* out);

  const Plan& plan_;
  std::vector<char> scratch_;
  Texts texts_;
};

}  // namespace native
