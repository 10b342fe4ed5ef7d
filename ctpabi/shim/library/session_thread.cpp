// CTP's side of a session: its one thread, from connecting to reconnecting, and every callback between.
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "dispatch.h"
#include "interpreter_exit.h"
#include "session.h"
#include "speaker.h"
#include "vendor.h"

namespace shim {

namespace {

constexpr unsigned kHelloMilliseconds = 5000;
constexpr unsigned kReconnectMilliseconds = 1000;  // the vendor's since 6.7.9
constexpr unsigned kMostDoublings = 2;
constexpr char kPoison = static_cast<char>(0xDD);

unsigned reconnect_milliseconds() {
  const char* const text = std::getenv("CTP_SIMCOUNTER_RECONNECT_MS");
  const long value = text ? std::strtol(text, nullptr, 10) : 0;
  return value > 0 ? static_cast<unsigned>(value) : kReconnectMilliseconds;
}

// What a carrier is told besides: where the program wants to go, and what it has that can collect.
std::string for_a_carrier(const std::string& registered) {
  std::string vendor;
  for (const VendorLibrary& library : vendor_libraries()) vendor = library.path;
  return ",\"front\":" + Json::quote(registered) + ",\"vendor_library\":" + Json::quote(vendor);
}

}  // namespace

Spi* Session::listener() { return stopping_ || interpreter_is_gone() ? nullptr : spi_.load(); }

void Session::run() {
  pthread_setname_np(pthread_self(), "ctp-sim-front");
  mark_callback_thread();
  unsigned useless_in_a_row = 0;
  for (size_t turn = 0; !stopping_; ++turn) {
    Front front;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      front = fronts_[turn % fronts_.size()];
    }
    useless_in_a_row = serve(front) == Outcome::kUseful ? 0 : useless_in_a_row + 1;
    wait_before_reconnect(useless_in_a_row);
  }
}

Session::Outcome Session::serve(const Front& front) {
  const std::shared_ptr<Link> link = Link::connect(front);
  if (!link) return Outcome::kUseless;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return Outcome::kUseless;
    link_ = link;
    const std::string trading_day = state_.trading_day;
    state_ = CounterState();
    state_.trading_day = trading_day;
    gate_.open();
    front_is_told_ = false;
  }
  Outcome outcome = Outcome::kUseless;
  if (greet(link.get(), front.registered)) outcome = pump(link.get());
  lose(link);
  return outcome;
}

std::string Session::hello(const std::string& registered) {
  const Topics topics = this->topics();
  return "{\"interface\":" + Json::quote(kInterface) + ",\"abi_hash\":" + Json::quote(kAbiHash) + ",\"api_version\":" + Json::quote(kVersion) +
         ",\"pid\":" + std::to_string(getpid()) + ",\"private_topic\":" + std::to_string(topics.private_topic) +
         ",\"public_topic\":" + std::to_string(topics.public_topic) + ",\"flow_path\":" + Json::quote(flow_path_) +
         (kThroughCarrier ? for_a_carrier(registered) : "") + "}";
}

bool Session::greet(Link* link, const std::string& registered) {
  const std::string greeting = hello(registered);
  Frame frame;
  link->limit_receive(kHelloMilliseconds);
  if (!link->send({0, FrameType::kHello, 0, 0, 0, 0}, greeting.data(), greeting.size())) return false;
  if (!link->receive(&frame) || frame.header.type != FrameType::kHello) return false;
  const auto answer = Json::parse({frame.body, frame.header.body_length});
  const Json* const accepted = answer ? answer->member("ok") : nullptr;
  if (!accepted || !accepted->is_true()) {
    const Json* const why = answer ? answer->member("why") : nullptr;
    std::fprintf(stderr, "%s: refused this program: %s\n", kSpeaker, why ? why->string().c_str() : "no reason given");
    return false;
  }
  link->limit_receive(0);
  const std::lock_guard<std::mutex> lock(mutex_);
  state_.apply(*answer);
  const Json* const told = answer->member("front_is_told");
  front_is_told_ = told && told->is_true();
  return true;
}

Session::Outcome Session::pump(Link* link) {
  if (!front_is_told_) {
    front_came();
    if (Spi* const spi = listener()) spi->OnFrontConnected();
  }
  Outcome outcome = Outcome::kUseless;
  Frame frame;
  while (!stopping_ && link->receive(&frame)) {
    if (!handle(frame)) break;
    if (frame.header.type == FrameType::kEvent) outcome = Outcome::kUseful;
  }
  return outcome;
}

bool Session::handle(const Frame& frame) {
  if (frame.header.type == FrameType::kEvent) return deliver(frame);
  if (frame.header.type != FrameType::kState) return false;
  const auto changes = Json::parse({frame.body, frame.header.body_length});
  if (!changes) return false;
  const std::lock_guard<std::mutex> lock(mutex_);
  state_.apply(*changes);
  return true;
}

bool Session::deliver(const Frame& frame) {
  const FrameHeader& header = frame.header;
  if (header.slot >= kCallbackCount) return false;
  const CallbackFacts& callback = kCallbacks[header.slot];
  const size_t record_size = header.flags & kHasStruct ? callback.struct_size : 0;
  const size_t info_size = header.flags & kHasRspInfo ? sizeof rsp_info_ : 0;
  if (header.body_length != record_size + info_size || (record_size != 0 && header.aux != record_size)) {
    std::fprintf(stderr, "%s: %s with %u bytes, expected %zu\n", kSpeaker, callback.name, header.body_length,
                 record_size + info_size);
    return false;
  }
  std::memcpy(record_, frame.body, record_size);
  std::memcpy(rsp_info_, frame.body + record_size, info_size);
  const bool is_last = header.flags & kIsLast;
  if (is_last && callback.ends_query) {
    // Before the callback: programs send the next query from inside it.
    const std::lock_guard<std::mutex> lock(mutex_);
    gate_.answered(header.request_id);
  }
  if (header.slot == kFrontConnected) front_came();
  if (header.slot == kFrontDisconnected) front_left();
  if (Spi* const spi = listener()) {
    const Arguments arguments{record_size ? record_ : nullptr, info_size ? rsp_info_ : nullptr, header.request_id, is_last,
                              static_cast<int>(header.aux)};
    dispatch(spi, header.slot, arguments);
  }
  std::memset(record_, kPoison, record_size);
  std::memset(rsp_info_, kPoison, info_size);
  return true;
}

void Session::lose(const std::shared_ptr<Link>& link) {
  link->close();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    link_.reset();
  }
  // A peer that speaks of its front itself may have said already that it is gone.
  if (!front_left() && front_is_told_) return;
  if (Spi* const spi = listener()) spi->OnFrontDisconnected(kReadFailed);
}

void Session::front_came() {
  const std::lock_guard<std::mutex> lock(mutex_);
  front_is_there_ = true;
}

bool Session::front_left() {
  const std::lock_guard<std::mutex> lock(mutex_);
  state_.app_type.clear();
  state_.logged_in = false;
  state_.front = FrontFacts();
  gate_.open();
  return std::exchange(front_is_there_, false);
}

void Session::wait_before_reconnect(unsigned useless_in_a_row) {
  const unsigned doublings = std::min(useless_in_a_row > 0 ? useless_in_a_row - 1 : 0, kMostDoublings);
  const std::chrono::milliseconds pause(reconnect_milliseconds() << doublings);
  std::unique_lock<std::mutex> lock(mutex_);
  stopped_.wait_for(lock, pause, [this] { return stopping_.load(); });
}

}  // namespace shim
