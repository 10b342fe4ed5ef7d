#include "json.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace shim {

class JsonReader {
 public:
  explicit JsonReader(const std::string& text) : next_(text.c_str()), last_(text.c_str() + text.size()) {}

  bool document(Json* out) { return value(out, 0) && (skip_space(), next_ == last_); }

 private:
  static constexpr int kDeepest = 16;

  void skip_space() {
    while (next_ < last_ && std::strchr(" \t\r\n", *next_)) ++next_;
  }
  bool take(char expected) {
    skip_space();
    if (next_ >= last_ || *next_ != expected) return false;
    ++next_;
    return true;
  }
  bool word(const char* expected) {
    const size_t length = std::strlen(expected);
    if (static_cast<size_t>(last_ - next_) < length || std::strncmp(next_, expected, length) != 0) return false;
    next_ += length;
    return true;
  }

  bool value(Json* out, int depth) {
    skip_space();
    if (next_ >= last_ || depth > kDeepest) return false;
    switch (*next_) {
      case '{': return object(out, depth);
      case '[': return array(out, depth);
      case '"': return string(&out->string_);
      case 't': out->number_ = 1; return word("true");
      case 'f': return word("false");
      case 'n': return word("null");
      default: return number(out);
    }
  }
  bool object(Json* out, int depth) {
    take('{');
    if (take('}')) return true;
    do {
      std::string name;
      skip_space();
      if (!string(&name) || !take(':') || !value(&out->members_[name], depth + 1)) return false;
    } while (take(','));
    return take('}');
  }
  bool array(Json* out, int depth) {
    take('[');
    if (take(']')) return true;
    do {
      if (!value(&out->items_.emplace_back(), depth + 1)) return false;
    } while (take(','));
    return take(']');
  }
  bool number(Json* out) {
    char* end = nullptr;
    out->number_ = std::strtod(next_, &end);
    if (end == next_) return false;
    next_ = end;
    return true;
  }
  bool string(std::string* out) {
    if (!take('"')) return false;
    while (next_ < last_ && *next_ != '"') {
      if (*next_ != '\\') {
        *out += *next_++;
      } else if (!escape(out)) {
        return false;
      }
    }
    return take('"');
  }
  bool escape(std::string* out) {
    static constexpr char kCodes[] = "\"\\/bfnrt", kMeanings[] = "\"\\/\b\f\n\r\t";
    if (last_ - next_ < 2) return false;
    const char code = next_[1];
    next_ += 2;
    if (const char* at = std::strchr(kCodes, code)) {
      *out += kMeanings[at - kCodes];
      return true;
    }
    return code == 'u' && unicode(out);
  }
  bool unicode(std::string* out) {
    unsigned code = 0;
    if (last_ - next_ < 4 || std::sscanf(next_, "%4x", &code) != 1) return false;
    next_ += 4;
    if (code < 0x80) {
      *out += static_cast<char>(code);
    } else {
      if (code < 0x800) {
        *out += static_cast<char>(0xC0 | code >> 6);
      } else {
        *out += static_cast<char>(0xE0 | code >> 12);
        *out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      }
      *out += static_cast<char>(0x80 | (code & 0x3F));
    }
    return true;
  }

  const char* next_;
  const char* const last_;
};

std::optional<Json> Json::parse(const std::string& text) {
  Json json;
  if (!JsonReader(text).document(&json)) return {};
  return json;
}

std::string Json::quote(const std::string& text) {
  std::string quoted = "\"";
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      quoted += '\\';
      quoted += character;
    } else if (byte < 0x20 || byte > 0x7E) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);  // not decoded: a path's bytes, one by one
      quoted += escaped;
    } else {
      quoted += character;
    }
  }
  return quoted + '"';
}

const Json* Json::member(const std::string& name) const {
  const auto found = members_.find(name);
  return found == members_.end() ? nullptr : &found->second;
}

}  // namespace shim
