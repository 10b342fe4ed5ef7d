// The little JSON the counter's state frames need: objects, strings, numbers, booleans, arrays.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace shim {

class Json {
 public:
  // Nothing when `text` is not one JSON value.
  static std::optional<Json> parse(const std::string& text);
  // The text as a JSON string, quotes included.
  static std::string quote(const std::string& text);

  // The member called `name`; nullptr when this is no object or has no such member.
  const Json* member(const std::string& name) const;
  const std::map<std::string, Json>& members() const { return members_; }
  const std::string& string() const { return string_; }
  int integer() const { return static_cast<int>(number_); }
  bool is_true() const { return number_ != 0; }

 private:
  friend class JsonReader;
  double number_ = 0;  // true is 1, false and null are 0
  std::string string_;
  std::map<std::string, Json> members_;
  std::vector<Json> items_;
};

}  // namespace shim
