// What the Python side says of structs and callbacks, read once: ctpabi/native/plan.py writes it from the catalog.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace native {

enum class FieldKind : uint8_t { kText, kEnum, kLetter, kDouble, kInt, kShort, kBytes };

enum class Shape : uint8_t { kResponse, kResponseError, kErrorNotice, kNotice, kConnection };

struct Tag {
  uint8_t length;
  char bytes[7];
};

struct FieldPlan {
  FieldKind kind;
  uint8_t length_size;  // of the field that says how long this one is; 0: it ends at the first NUL
  uint16_t unused;
  uint32_t offset;
  uint32_t size;
  uint32_t length_offset;
  Tag tag;
};
static_assert(sizeof(FieldPlan) == 24, "it is read as it lies in memory");

struct CallbackPlan {
  Shape shape;
  uint8_t unused[3];
  int32_t struct_index;  // -1: it passes none
  Tag tag;               // of the event's member; length 0: it is no event
};
static_assert(sizeof(CallbackPlan) == 16, "it is read as it lies in memory");

// Of a request: its member in ctp.v1.Request, and the struct that it passes.
struct RequestPlan {
  uint32_t number;
  uint32_t struct_index;
};

// Of a terminal's message that carries a request: the numbers of its members.
struct CallNumbers {
  uint32_t call, request_id, request, valid_for, client_order_key, fresh;
};

// Of a field that is read by itself.
struct FieldPlace {
  uint32_t offset;
  uint32_t size;  // 0: the struct has no such field
};
constexpr size_t kMostRead = 32;  // at once

struct StructPlan {
  uint32_t size = 0;
  std::vector<FieldPlan> fields;  // in the order in which they are written
};

struct Plan {
  std::vector<StructPlan> structs;
  std::vector<CallbackPlan> callbacks;  // by slot
  std::vector<RequestPlan> requests;
  CallNumbers call{};
  uint32_t rsp_info_size = 0;
  uint32_t largest_content = 0;  // what the message of the largest struct may need

  // False where the bytes are no plan.
  bool read(const char* data, size_t size) {
    Reader in{data, data + size};
    uint32_t count = 0;
    if (!in.take(rsp_info_size) || !in.take(count) || count > kMost) return false;
    structs.resize(count);
    for (StructPlan& one : structs) {
      if (!in.take(one.size) || one.size > kLargestStruct || !in.take(count) || count > kMost) return false;
      one.fields.resize(count);
      uint32_t content = 0;
      for (FieldPlan& field : one.fields) {
        if (!in.take(field) || !fits(field, one.size)) return false;
        content += 3 * field.size + 32;  // a byte becomes three at most: U+FFFD for what is no text
      }
      if (content > largest_content) largest_content = content;
    }
    if (!in.take(count) || count > kMost) return false;
    callbacks.resize(count);
    for (CallbackPlan& one : callbacks) {
      if (!in.take(one) || one.struct_index >= static_cast<int32_t>(structs.size()) || one.tag.length > 7) return false;
    }
    return read_requests(in) && in.at == in.end;
  }

  // Null where the catalog has no request of this number.
  const RequestPlan* request(uint32_t number) const {
    if (number >= request_of_number_.size() || request_of_number_[number] < 0) return nullptr;
    return &requests[static_cast<size_t>(request_of_number_[number])];
  }

  static constexpr uint32_t kMostNumber = 4096;  // of a member of a message

 private:
  static constexpr uint32_t kMost = 4096;
  static constexpr uint32_t kLargestStruct = 1 << 20;

  struct Reader {
    const char* at;
    const char* end;

    template <class T>
    bool take(T& into) {
      if (static_cast<size_t>(end - at) < sizeof(T)) return false;
      std::memcpy(&into, at, sizeof(T));
      at += sizeof(T);
      return true;
    }
  };

  bool read_requests(Reader& in) {
    uint32_t count = 0;
    if (!in.take(call) || !in.take(count) || count > kMost) return false;
    requests.resize(count);
    for (size_t place = 0; place < count; ++place) {
      RequestPlan& one = requests[place];
      if (!in.take(one) || one.number > kMostNumber || one.struct_index >= structs.size()) return false;
      if (one.number >= request_of_number_.size()) request_of_number_.resize(one.number + 1, -1);
      request_of_number_[one.number] = static_cast<int32_t>(place);
    }
    return true;
  }

  static bool fits(const FieldPlan& field, uint32_t size) {
    if (field.tag.length > 7 || field.kind > FieldKind::kBytes) return false;
    if (field.offset > size || field.size > size - field.offset) return false;
    if (field.length_size != 0 && field.length_size != 2 && field.length_size != 4) return false;
    return field.length_offset <= size && field.length_size <= size - field.length_offset && has_its_size(field);
  }

  static bool has_its_size(const FieldPlan& field) {
    switch (field.kind) {
      case FieldKind::kEnum:
      case FieldKind::kLetter:
        return field.size == 1;
      case FieldKind::kDouble:
        return field.size == 8;
      case FieldKind::kInt:
        return field.size == 4;
      case FieldKind::kShort:
        return field.size == 2;
      default:
        return true;
    }
  }

  std::vector<int32_t> request_of_number_;  // place in `requests`; -1: there is none
};

}  // namespace native
