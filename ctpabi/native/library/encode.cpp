#include "encode.h"

#include <algorithm>
#include <cfloat>

namespace native {
namespace {

constexpr size_t kKnownTexts = 1024;  // a power of two
constexpr size_t kEventRoom = 64;     // tags, lengths, request id and flags around a struct's message

char* put_bytes(char* out, const char* bytes, size_t length) {
  std::memcpy(out, bytes, length);
  return out + length;
}

char* put_tag(char* out, const Tag& tag) {
  std::memcpy(out, tag.bytes, sizeof tag.bytes);  // there is always room for all of them
  return out + tag.length;
}

char* put_varint(char* out, uint64_t value) {
  while (value > 0x7F) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

bool is_ascii(const char* text, size_t length) {
  uint64_t seen = 0;
  size_t at = 0;
  for (; at + 8 <= length; at += 8) {
    uint64_t eight;
    std::memcpy(&eight, text + at, 8);
    seen |= eight;
  }
  for (; at < length; ++at) seen |= static_cast<uint8_t>(text[at]);
  return (seen & 0x8080808080808080) == 0;
}

size_t up_to_nul(const char* text, size_t size) {
  const void* end = std::memchr(text, 0, size);
  return end == nullptr ? size : static_cast<size_t>(static_cast<const char*>(end) - text);
}

int64_t stated_length(const FieldPlan& field, const char* body) {
  const char* at = body + field.length_offset;
  if (field.length_size == 2) {
    int16_t length;
    std::memcpy(&length, at, 2);
    return length;
  }
  int32_t length;
  std::memcpy(&length, at, 4);
  return length;
}

char* put_binary(const FieldPlan& field, const char* body, char* out) {
  const char* at = body + field.offset;
  size_t length = field.size;
  if (field.length_size == 0) {
    length = up_to_nul(at, field.size);
  } else if (int64_t stated = stated_length(field, body); stated > 0 && stated <= static_cast<int64_t>(field.size)) {
    length = static_cast<size_t>(stated);
  }
  if (std::all_of(at, at + length, [](char one) { return one == 0; })) return out;
  return put_bytes(put_varint(put_tag(out, field.tag), length), at, length);
}

char* put_letter(const FieldPlan& field, uint8_t code, char* out) {
  out = put_tag(out, field.tag);
  if (code < 0x80) {
    *out++ = 1;
  } else {
    *out++ = 2;
    *out++ = static_cast<char>(0xC0 | code >> 6);
    code = 0x80 | (code & 0x3F);
  }
  *out++ = static_cast<char>(code);
  return out;
}

char* put_double(const FieldPlan& field, const char* at, char* out) {
  double value;
  std::memcpy(&value, at, sizeof value);
  if (value == DBL_MAX) return out;  // CTP's "no value"
  return put_bytes(put_tag(out, field.tag), at, sizeof value);
}

char* put_integer(const FieldPlan& field, int64_t value, char* out) {
  return value == 0 ? out : put_varint(put_tag(out, field.tag), static_cast<uint64_t>(value));
}

template <class T>
int64_t integer_at(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

size_t place_of(const char* text, size_t length) {
  uint64_t hash = 1469598103934665603u;  // FNV-1a
  for (size_t at = 0; at < length; ++at) hash = (hash ^ static_cast<uint8_t>(text[at])) * 1099511628211u;
  return (hash ^ hash >> 32) & (kKnownTexts - 1);
}

}  // namespace

Texts::Texts() : known_(kKnownTexts) {}

const std::string* Texts::utf8(const char* text, size_t length) {
  Known& one = known_[place_of(text, length)];
  if (one.text.size() == length && std::memcmp(one.text.data(), text, length) == 0) return &one.utf8;
  PyObject* decoded = PyUnicode_Decode(text, static_cast<Py_ssize_t>(length), "gb18030", "replace");
  if (decoded == nullptr) return nullptr;
  Py_ssize_t size = 0;
  const char* bytes = PyUnicode_AsUTF8AndSize(decoded, &size);
  if (bytes != nullptr) {
    one.text.assign(text, length);
    one.utf8.assign(bytes, static_cast<size_t>(size));
  }
  Py_DECREF(decoded);
  return bytes == nullptr ? nullptr : &one.utf8;
}

Encoder::Encoder(const Plan& plan) : plan_(plan), scratch_(plan.largest_content + kEventRoom) {}

char* Encoder::text(const FieldPlan& field, const char* at, char* out) {
  size_t length = up_to_nul(at, field.size);
  if (is_ascii(at, length)) return put_bytes(put_varint(put_tag(out, field.tag), length), at, length);
  const std::string* encoded = texts_.utf8(at, length);
  if (encoded == nullptr) return nullptr;
  if (encoded->size() > 3 * length) {
    PyErr_SetString(PyExc_SystemError, "a text grew beyond three times its size");
    return nullptr;
  }
  return put_bytes(put_varint(put_tag(out, field.tag), encoded->size()), encoded->data(), encoded->size());
}

char* Encoder::content(const StructPlan& plan, const char* body, char* out) {
  for (const FieldPlan& field : plan.fields) {
    const char* at = body + field.offset;
    switch (field.kind) {
      case FieldKind::kText:
        if (*at != 0 && (out = text(field, at, out)) == nullptr) return nullptr;
        break;
      case FieldKind::kEnum:
        out = put_integer(field, static_cast<uint8_t>(*at), out);
        break;
      case FieldKind::kLetter:
        if (*at != 0) out = put_letter(field, static_cast<uint8_t>(*at), out);
        break;
      case FieldKind::kDouble:
        out = put_double(field, at, out);
        break;
      case FieldKind::kInt:
        out = put_integer(field, integer_at<int32_t>(at), out);
        break;
      case FieldKind::kShort:
        out = put_integer(field, integer_at<int16_t>(at), out);
        break;
      case FieldKind::kBytes:
        out = put_binary(field, body, out);
        break;
    }
  }
  return out;
}

PyObject* Encoder::message(const StructPlan& plan, const char* body) {
  char* end = content(plan, body, scratch_.data());
  return end == nullptr ? nullptr : PyBytes_FromStringAndSize(scratch_.data(), end - scratch_.data());
}

PyObject* Encoder::event(
    const CallbackPlan& callback, const char* body, int32_t id, bool last, const char* rest, size_t rest_length) {
  char* begin = scratch_.data();
  char* end = begin;
  if (body != nullptr && callback.struct_index >= 0) {
    end = content(plan_.structs[static_cast<size_t>(callback.struct_index)], body, begin);
    if (end == nullptr) return nullptr;
  }
  size_t length = static_cast<size_t>(end - begin);
  char head[24];
  size_t head_length = static_cast<size_t>(put_varint(put_tag(head, callback.tag), length) - head);
  char tail[48];
  char* tail_end = tail;
  if (id != 0) tail_end = put_varint(put_tag(tail_end, request_id), static_cast<uint64_t>(static_cast<int64_t>(id)));
  if (last) tail_end = put_varint(put_tag(tail_end, is_last), 1);
  size_t tail_length = static_cast<size_t>(tail_end - tail);
  char mark[16];
  size_t mark_length = 0;
  if (body == nullptr && callback.struct_index >= 0) mark_length = static_cast<size_t>(put_varint(put_tag(mark, empty), 1) - mark);
  size_t whole = head_length + length + tail_length + rest_length + mark_length;
  PyObject* made = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(whole));
  if (made == nullptr) return nullptr;
  char* out = put_bytes(PyBytes_AsString(made), head, head_length);
  out = put_bytes(out, begin, length);
  out = put_bytes(out, tail, tail_length);
  out = put_bytes(out, rest, rest_length);
  put_bytes(out, mark, mark_length);
  return made;
}

}  // namespace native
