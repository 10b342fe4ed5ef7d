#include "decode.h"

#include <cmath>

namespace native {
namespace {

constexpr uint32_t kVarint = 0, kFixed64 = 1, kLength = 2;

struct Input {
  const char* at;
  const char* end;

  bool varint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && at < end; shift += 7) {
      uint8_t one = static_cast<uint8_t>(*at++);
      value |= static_cast<uint64_t>(one & 0x7F) << shift;
      if (one < 0x80) return true;
    }
    return false;
  }

  bool key(uint32_t& number, uint32_t& wire_type) {
    uint64_t value;
    if (!varint(value) || value > UINT32_MAX) return false;
    number = static_cast<uint32_t>(value >> 3);
    wire_type = static_cast<uint32_t>(value & 7);
    return true;
  }

  bool piece(Input& into) {
    uint64_t length;
    if (!varint(length) || length > static_cast<uint64_t>(end - at)) return false;
    into = {at, at + length};
    at += length;
    return true;
  }

  size_t left() const { return static_cast<size_t>(end - at); }
};

// Whether it is ASCII without a NUL, which both sides write alike.
bool is_plain(const char* text, size_t length) {
  for (size_t at = 0; at < length; ++at) {
    if (static_cast<uint8_t>(text[at]) - 1u >= 0x7Fu) return false;
  }
  return true;
}

bool put_text(const FieldPlan& field, Input content, char* out) {
  size_t length = content.left();
  if (length >= field.size || !is_plain(content.at, length)) return false;
  std::memcpy(out, content.at, length);
  return true;
}

bool put_letter(Input content, char* out) {
  size_t length = content.left();
  if (length > 1 || !is_plain(content.at, length)) return false;
  if (length == 1) *out = *content.at;
  return true;
}

bool put_bytes(const FieldPlan& field, Input content, char* out) {
  if (content.left() > field.size) return false;
  std::memcpy(out, content.at, content.left());
  return true;
}

bool put_number(const FieldPlan& field, uint64_t value, char* out) {
  int32_t number = static_cast<int32_t>(static_cast<uint32_t>(value));
  if (field.kind == FieldKind::kEnum) {
    if (number < 0 || number > UINT8_MAX) return false;
    *out = static_cast<char>(number);
  } else if (field.kind == FieldKind::kShort) {
    if (number < INT16_MIN || number > INT16_MAX) return false;
    int16_t little = static_cast<int16_t>(number);
    std::memcpy(out, &little, sizeof little);
  } else {
    std::memcpy(out, &number, sizeof number);
  }
  return true;
}

bool put_double(Input& in, char* out) {
  double value;
  if (in.left() < sizeof value) return false;
  std::memcpy(&value, in.at, sizeof value);
  in.at += sizeof value;
  std::memcpy(out, &value, sizeof value);
  return std::isfinite(value);
}

}  // namespace

Decoder::Decoder(const Plan& plan) : plan_(plan), places_(plan.structs.size()) {
  for (size_t index = 0; index < places_.size(); ++index) {
    for (const FieldPlan& field : plan.structs[index].fields) {
      Input tag{field.tag.bytes, field.tag.bytes + field.tag.length};
      uint32_t number, wire_type;
      if (!tag.key(number, wire_type) || number > Plan::kMostNumber) continue;
      auto& places = places_[index];
      if (number >= places.size()) places.resize(number + 1);
      places[number] = {number, wire_type, &field};
    }
  }
}

const Decoder::Place* Decoder::place_of(uint32_t struct_index, uint32_t number) const {
  const auto& places = places_[struct_index];
  return number < places.size() && places[number].field != nullptr ? &places[number] : nullptr;
}

bool Decoder::fill(uint32_t struct_index, const char* at, const char* end, char* body) const {
  Input in{at, end};
  uint32_t before = 0;
  while (in.at < in.end) {
    uint32_t number, wire_type;
    if (!in.key(number, wire_type)) return false;
    const Place* place = place_of(struct_index, number);
    // Every writer known goes by the numbers; so none comes twice, and nothing is written over.
    if (place == nullptr || place->wire_type != wire_type || number <= before) return false;
    before = number;
    const FieldPlan& field = *place->field;
    char* out = body + field.offset;
    uint64_t value;
    Input content{nullptr, nullptr};
    bool fits;
    switch (field.kind) {
      case FieldKind::kText:
        fits = in.piece(content) && put_text(field, content, out);
        break;
      case FieldKind::kLetter:
        fits = in.piece(content) && put_letter(content, out);
        break;
      case FieldKind::kBytes:
        fits = in.piece(content) && put_bytes(field, content, out);
        break;
      case FieldKind::kDouble:
        fits = put_double(in, out);
        break;
      default:
        fits = in.varint(value) && put_number(field, value, out);
    }
    if (!fits) return false;
  }
  return true;
}

PyObject* Decoder::call(const char* data, size_t size) const {
  const CallNumbers& is = plan_.call;
  Input message{data, data + size}, call{}, request{}, key{}, content{};
  uint32_t number, wire_type, before = 0;
  uint64_t request_id = 0, valid_for = 0, fresh = 0;
  if (!message.key(number, wire_type) || number != is.call || wire_type != kLength || !message.piece(call) || message.left() != 0) {
    Py_RETURN_NONE;
  }
  while (call.at < call.end) {
    if (!call.key(number, wire_type) || number <= before) Py_RETURN_NONE;
    before = number;
    bool is_length = number == is.request || number == is.client_order_key;
    if (wire_type != (is_length ? kLength : kVarint)) Py_RETURN_NONE;
    bool fits = number == is.request_id         ? call.varint(request_id)
                : number == is.request          ? call.piece(request)
                : number == is.valid_for        ? call.varint(valid_for)
                : number == is.client_order_key ? call.piece(key) && is_plain(key.at, key.left())
                : number == is.fresh            ? call.varint(fresh)
                                                : false;
    if (!fits) Py_RETURN_NONE;
  }
  if (request_id == 0 || request_id > INT32_MAX || valid_for > UINT32_MAX) Py_RETURN_NONE;
  if (!request.key(number, wire_type) || wire_type != kLength || !request.piece(content) || request.left() != 0) Py_RETURN_NONE;
  const RequestPlan* asked = plan_.request(number);
  if (asked == nullptr) Py_RETURN_NONE;
  uint32_t struct_size = plan_.structs[asked->struct_index].size;
  PyObject* body = PyByteArray_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(struct_size));
  if (body == nullptr) return nullptr;
  char* memory = PyByteArray_AsString(body);
  std::memset(memory, 0, struct_size);
  if (!fill(asked->struct_index, content.at, content.end, memory)) {
    Py_DECREF(body);
    Py_RETURN_NONE;
  }
  return Py_BuildValue("iKs#NnN", static_cast<int>(request_id), static_cast<unsigned long long>(valid_for), key.at == nullptr ? "" : key.at,
                       static_cast<Py_ssize_t>(key.left()), PyBool_FromLong(fresh != 0), static_cast<Py_ssize_t>(asked - plan_.requests.data()),
                       body);
}

}  // namespace native
