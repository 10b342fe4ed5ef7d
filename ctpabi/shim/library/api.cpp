// The exported class: what the binding believes is the vendor's CThostFtdcTraderApi or CThostFtdcMdApi.
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>

#include "abi.h"
#include "caller.h"
#include "session.h"
#include "speaker.h"

namespace shim {

namespace {

template <size_t size>
void copy_text(char (&field)[size], const std::string& text) {
  std::strncpy(field, text.c_str(), size - 1);
  field[size - 1] = '\0';
}

// Never deleted: Release ends the session, and calls that come later find an empty shell instead of freed memory.
// What an interface has no method for, its class leaves unused.
class SimulatedApi final : public Api {
 public:
  explicit SimulatedApi(const char* flow_path) : session_(std::make_shared<Session>(flow_path ? flow_path : "")) {}

#include "forward.inc"

 private:
  std::shared_ptr<Session> session() const { return std::atomic_load(&session_); }

  int request(int slot, const void* record, size_t size, int request_id) {
    const auto session = this->session();
    return session ? session->request(slot, record, size, request_id) : kNotConnected;
  }
  int subscribe(int slot, char* names[], int count) {
    std::string joined;
    for (int i = 0; names && i < count; ++i) {
      if (names[i]) joined.append(names[i]).push_back('\0');
    }
    if (joined.size() > kLargestBody) return kNotConnected;
    return request(slot, joined.data(), joined.size(), 0);
  }
  int report(const ReportMethod& method, void* record, size_t size) {
    const auto session = this->session();
    return session ? session->report(method, record, size) : kNotConnected;
  }

  void do_release() {
    if (const auto session = std::atomic_exchange(&session_, std::shared_ptr<Session>())) session->stop();
  }
  void do_init() {
    if (const auto session = this->session()) session->start();
  }
  int do_join() {
    if (const auto session = this->session()) session->wait_stopped();
    return 0;
  }
  const char* do_trading_day() {
    static thread_local std::string day;  // the caller copies it at once; a day's text never changes under it
    const auto session = this->session();
    day = session ? session->trading_day() : CounterState().trading_day;
    return day.c_str();
  }
  template <class FrontInfo>  // versions before 6.7.7 have neither the method nor the struct
  void do_front_info(FrontInfo* info) {
    const auto session = this->session();
    if (!info || !session) return;
    const FrontFacts facts = session->front_facts();
    copy_text(info->FrontAddr, facts.address);
    info->QryFreq = facts.queries_per_second;
    info->FTDPkgFreq = facts.packets_per_second;
  }
  void do_register_front(const char* address) {
    const auto session = this->session();
    if (session && address) session->add_front(address);
  }
  void do_register_name_server(const char*) {
    std::fprintf(stderr, "%s: RegisterNameServer ignored: there are fronts only\n", kSpeaker);
  }
  void do_register_spi(Spi* spi) {
    if (const auto session = this->session()) session->set_spi(spi);
  }
  void do_private_topic(int resume_type) {
    if (const auto session = this->session()) session->set_topics({resume_type, session->topics().public_topic});
  }
  void do_public_topic(int resume_type) {
    if (const auto session = this->session()) session->set_topics({session->topics().private_topic, resume_type});
  }

  std::shared_ptr<Session> session_;
};

Api* create(const char* flow_path, const void* called_from) {
  require_known_caller(called_from);
  return new SimulatedApi(flow_path);
}

}  // namespace

}  // namespace shim

#include "create.inc"
