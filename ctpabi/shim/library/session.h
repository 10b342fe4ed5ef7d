// One API instance at work: a thread that connects, greets, calls back and reconnects until it is stopped.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "abi.h"
#include "counter_state.h"
#include "link.h"
#include "query_gate.h"
#include "report.h"

namespace shim {

constexpr int kNotConnected = -1;
constexpr int kReadFailed = 0x1001;  // OnFrontDisconnected(4097): the connection's reading end broke

struct Topics {
  int private_topic = 0;  // RESTART, also when Subscribe is never called
  int public_topic = 0;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(std::string flow_path);

  void add_front(const std::string& address);
  void set_topics(Topics topics);
  Topics topics();
  void set_spi(Spi* spi) { spi_ = spi; }

  // Starts the thread; without a front there is nothing to do and nothing is started.
  void start();
  // No callback begins after this returns, and the thread is gone, unless it is the caller: then it ends on return.
  void stop();
  // Blocks until stop().
  void wait_stopped();

  // Sends one request; 0, or CTP's -1, -2, -3, or the code the counter scripted.
  int request(int slot, const void* record, size_t size, int32_t request_id);
  int report(const ReportMethod& method, void* record, size_t size);
  std::string trading_day();
  FrontFacts front_facts();

 private:
  enum class Outcome { kUseful, kUseless };

  void run();
  Outcome serve(const Front& front);
  bool greet(Link* link, const std::string& registered);
  Outcome pump(Link* link);
  bool handle(const Frame& frame);
  bool deliver(const Frame& frame);
  void lose(const std::shared_ptr<Link>& link);
  // The front is there, or gone: before the program hears of it, its calls already answer so.
  void front_came();
  bool front_left();
  void wait_before_reconnect(unsigned useless_in_a_row);
  std::string hello(const std::string& registered);
  std::shared_ptr<Link> ready_link();
  int enter_gate(int slot, int32_t request_id);
  // The Spi to call, or nullptr when callbacks may not happen (any more).
  Spi* listener();

  const std::string flow_path_;
  std::atomic<Spi*> spi_{nullptr};
  std::atomic<bool> stopping_{false};

  std::mutex mutex_;  // guards everything down to worker_
  std::condition_variable stopped_;
  std::vector<Front> fronts_;
  Topics topics_;
  CounterState state_;
  QueryGate gate_;
  std::shared_ptr<Link> link_;
  bool front_is_told_ = false;   // the peer sends OnFrontConnected and OnFrontDisconnected itself
  bool front_is_there_ = false;  // between the two
  std::thread worker_;

  // Where callbacks find their structs; overwritten after each, so that a kept pointer shows.
  alignas(16) char record_[kLargestStruct];
  alignas(16) char rsp_info_[sizeof(CThostFtdcRspInfoField)];
};

}  // namespace shim
