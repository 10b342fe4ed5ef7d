// A program's side of a session: what its calls do, on whatever thread they come.
#include "session.h"

#include "speaker.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace shim {

Session::Session(std::string flow_path) : flow_path_(std::move(flow_path)) {}

namespace {

std::optional<Front> reached_by(const std::string& address) {
  if (!kThroughCarrier) return Front::parse(address);
  const char* const socket_path = std::getenv(kCarrierVariable);
  return Front::carried(socket_path ? socket_path : "", address);
}

}  // namespace

void Session::add_front(const std::string& address) {
  const char* const redirect = kThroughCarrier ? nullptr : std::getenv("CTP_SIMCOUNTER_FRONT");
  const auto front = reached_by(redirect ? redirect : address);
  if (!front) {
    const char* const why = kThroughCarrier ? "there is no process that carries to a relay"
                                            : "only tcp://127.0.0.1:PORT is a simulated counter";
    std::fprintf(stderr, "%s: RegisterFront(\"%s\") ignored: %s\n", kSpeaker, redirect ? redirect : address.c_str(), why);
    return;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  fronts_.push_back(*front);
}

void Session::set_topics(Topics topics) {
  const std::lock_guard<std::mutex> lock(mutex_);
  topics_ = topics;
}

Topics Session::topics() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return topics_;
}

void Session::start() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (worker_.joinable() || fronts_.empty() || stopping_) return;
  worker_ = std::thread([self = shared_from_this()] { self->run(); });
}

void Session::stop() {
  std::thread worker;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    spi_ = nullptr;
    if (link_) link_->close();
    worker = std::move(worker_);
  }
  stopped_.notify_all();
  if (!worker.joinable()) return;
  if (worker.get_id() == std::this_thread::get_id()) {
    worker.detach();
  } else {
    worker.join();
  }
}

void Session::wait_stopped() {
  std::unique_lock<std::mutex> lock(mutex_);
  stopped_.wait(lock, [this] { return stopping_.load(); });
}

std::shared_ptr<Link> Session::ready_link() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return front_is_there_ ? link_ : nullptr;
}

int Session::enter_gate(int slot, int32_t request_id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (const int code = state_.scripted_code(kMethods[slot].name)) return code;
  if (!kMethods[slot].is_query) return 0;
  const int per_second = state_.limits_queries ? state_.front.queries_per_second : 0;
  return gate_.enter(request_id, per_second, std::chrono::steady_clock::now());
}

int Session::request(int slot, const void* record, size_t size, int32_t request_id) {
  const std::shared_ptr<Link> link = ready_link();
  if (!link || !record) return kNotConnected;
  if (const int code = enter_gate(slot, request_id)) return code;
  if (link->send({0, FrameType::kCall, 0, static_cast<uint16_t>(slot), request_id, 0}, record, size)) return 0;
  return kNotConnected;
}

int Session::report(const ReportMethod& method, void* record, size_t size) {
  if (!record) return kNotConnected;
  const std::vector<char> original(static_cast<char*>(record), static_cast<char*>(record) + size);
  std::shared_ptr<Link> link;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const int code = judge_report(method, static_cast<char*>(record), state_, std::time(nullptr));
    if (code != 0) return code;
    link = front_is_there_ ? link_ : nullptr;
  }
  // Accepted means accepted by this library: the vendor's gives no sign either when the report is lost on its way.
  if (link) link->send({0, FrameType::kReport, 0, static_cast<uint16_t>(method.slot), 0, 0}, original.data(), size);
  return 0;
}

std::string Session::trading_day() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return state_.logged_in ? state_.trading_day : CounterState().trading_day;
}

FrontFacts Session::front_facts() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return state_.front;
}

}  // namespace shim
