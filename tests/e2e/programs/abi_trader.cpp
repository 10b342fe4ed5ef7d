// A trading program in C++, written as such programs are: for the vendor's interface, knowing nothing of a relay.
// One JSON object a line on standard output. With a path as its first word it opens that library itself and asks it for its functions; with - it is linked.
#include <dlfcn.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "trader_api.h"

using Api = CThostFtdcTraderApi;

namespace {

struct User {
  std::string broker, id, password, app_id, auth_code;
};

template <size_t size>
void put(char (&field)[size], const std::string& text) {
  std::snprintf(field, size, "%s", text.c_str());
}

Api* make_api(const char* library) {
  if (std::strcmp(library, "-") == 0) {
    std::printf("{\"event\": \"linked\", \"version\": \"%s\"}\n", Api::GetApiVersion());
    return Api::CreateFtdcTraderApi("", true);
  }
  void* const opened = dlopen(library, RTLD_LAZY);
  using Create = Api* (*)(const char*, bool);
  const auto create = reinterpret_cast<Create>(dlsym(opened, "_ZN19CThostFtdcTraderApi19CreateFtdcTraderApiEPKcb"));
  using Version = const char* (*)();
  const auto version = reinterpret_cast<Version>(dlsym(opened, "_ZN19CThostFtdcTraderApi13GetApiVersionEv"));
  void* const older = dlsym(opened, "_ZN19CThostFtdcTraderApi19CreateFtdcTraderApiEPKc");
  std::printf("{\"event\": \"opened\", \"version\": \"%s\", \"older\": %d}\n", version(), older != nullptr);
  return create("", true);
}

class Trader : public CThostFtdcTraderSpi {
 public:
  Trader(Api* api, User user) : api_(api), user_(std::move(user)) {}

  template <class Fact>
  void wait(const char* what, Fact fact) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (changed_.wait_for(lock, std::chrono::seconds(40), fact)) return;
    std::printf("{\"event\": \"never\", \"what\": \"%s\"}\n", what);
    std::fflush(stdout);
    std::_Exit(3);
  }
  template <class Change>
  void note(Change change) {
    const std::lock_guard<std::mutex> lock(mutex_);
    change();
    changed_.notify_all();
  }

  void OnFrontConnected() override {
    CThostFtdcReqAuthenticateField ask{};
    put(ask.BrokerID, user_.broker);
    put(ask.UserID, user_.id);
    put(ask.AppID, user_.app_id);
    put(ask.AuthCode, user_.auth_code);
    note([&] { ++connected; });
    std::printf("{\"event\": \"connected\", \"code\": %d}\n", api_->ReqAuthenticate(&ask, 1));
  }
  void OnFrontDisconnected(int reason) override {
    std::printf("{\"event\": \"disconnected\", \"reason\": %d}\n", reason);
    note([&] { ++disconnected; });
  }
  void OnRspAuthenticate(CThostFtdcRspAuthenticateField*, CThostFtdcRspInfoField* info, int, bool) override {
    if (info->ErrorID) return refused("authenticate", info);
    CThostFtdcReqUserLoginField ask{};
    put(ask.BrokerID, user_.broker);
    put(ask.UserID, user_.id);
    put(ask.Password, user_.password);
    api_->ReqUserLogin(&ask, 2);
  }
  void OnRspUserLogin(CThostFtdcRspUserLoginField* login, CThostFtdcRspInfoField* info, int id, bool) override {
    if (info->ErrorID) return refused("login", info);
    std::printf("{\"event\": \"login\", \"id\": %d, \"day\": \"%s\", \"said\": \"%s\", \"front\": %d, \"session\": %d}\n", id,
                login->TradingDay, api_->GetTradingDay(), login->FrontID, login->SessionID);
    CThostFtdcSettlementInfoConfirmField ask{};
    put(ask.BrokerID, user_.broker);
    put(ask.InvestorID, user_.id);
    note([&] { front_id = login->FrontID, session_id = login->SessionID; });
    api_->ReqSettlementInfoConfirm(&ask, 3);
  }
  void OnRspSettlementInfoConfirm(CThostFtdcSettlementInfoConfirmField*, CThostFtdcRspInfoField*, int, bool) override {
    note([&] { ++ready; });
  }
  void OnRspQryInstrument(CThostFtdcInstrumentField* row, CThostFtdcRspInfoField*, int id, bool last) override {
    if (row) std::printf("{\"event\": \"instrument\", \"id\": %d, \"name\": \"%s\"}\n", id, row->InstrumentID);
    if (last) note([&] { ++answered; });
  }
  void OnRspQryTradingAccount(CThostFtdcTradingAccountField* row, CThostFtdcRspInfoField*, int id, bool last) override {
    if (row) std::printf("{\"event\": \"account\", \"id\": %d, \"available\": %.2f}\n", id, row->Available);
    if (last) note([&] { ++answered; });
  }
  void OnRspOrderInsert(CThostFtdcInputOrderField* order, CThostFtdcRspInfoField* info, int id, bool) override {
    std::printf("{\"event\": \"refused order\", \"id\": %d, \"ref\": \"%s\", \"error\": %d}\n", id, order->OrderRef,
                info->ErrorID);
    note([&] { ++orders_refused; });
  }
  void OnRtnOrder(CThostFtdcOrderField* order) override {
    const bool is_mine = order->FrontID == front_id && order->SessionID == session_id;
    std::printf("{\"event\": \"order\", \"ref\": \"%s\", \"status\": \"%c\", \"mine\": %d}\n", order->OrderRef,
                order->OrderStatus, is_mine);
    const char status = is_mine ? order->OrderStatus : last_status;
    if (is_mine) last_ref = order->OrderRef;
    note([&] { ++orders, last_status = status; });
  }
  void OnRtnTrade(CThostFtdcTradeField* trade) override {
    std::printf("{\"event\": \"trade\", \"ref\": \"%s\", \"price\": %.1f}\n", trade->OrderRef, trade->Price);
    const bool is_mine = last_ref == trade->OrderRef;  // a trade follows its order
    note([&] { ++trades, my_trades += is_mine; });
  }
  void OnRspError(CThostFtdcRspInfoField* info, int, bool) override { refused("request", info); }

  int order(int number, double price, char time_condition = '3', int volume = 1) {
    CThostFtdcInputOrderField ask{};
    put(ask.BrokerID, user_.broker);
    put(ask.InvestorID, user_.id);
    put(ask.InstrumentID, "rb2701");
    put(ask.ExchangeID, "SHFE");
    put(ask.OrderRef, std::to_string(number));
    ask.OrderPriceType = '2', ask.Direction = '0', ask.LimitPrice = price, ask.VolumeTotalOriginal = volume;
    put(ask.CombOffsetFlag, "0");
    put(ask.CombHedgeFlag, "1");
    ask.TimeCondition = time_condition, ask.VolumeCondition = '1', ask.MinVolume = 1, ask.ContingentCondition = '1';
    ask.ForceCloseReason = '0';
    return api_->ReqOrderInsert(&ask, 100 + number);
  }
  int cancel(int number) {
    CThostFtdcInputOrderActionField ask{};
    put(ask.BrokerID, user_.broker);
    put(ask.InvestorID, user_.id);
    put(ask.InstrumentID, "rb2701");
    put(ask.ExchangeID, "SHFE");
    put(ask.OrderRef, std::to_string(number));
    ask.FrontID = front_id, ask.SessionID = session_id, ask.ActionFlag = '0';
    return api_->ReqOrderAction(&ask, 200 + number);
  }

  int connected = 0, disconnected = 0, ready = 0, answered = 0, orders = 0, orders_refused = 0, trades = 0, my_trades = 0, refusals = 0;
  int front_id = 0, session_id = 0;
  char last_status = ' ';
  std::string last_ref;

 private:
  void refused(const char* what, const CThostFtdcRspInfoField* info) {
    std::printf("{\"event\": \"refused\", \"what\": \"%s\", \"error\": %d}\n", what, info->ErrorID);
    note([&] { ++refusals; });
  }

  Api* const api_;
  const User user_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

struct Instance {
  Instance(const char* library, const char* front, const User& user) : api(make_api(library)), spi(api, user) {
    CThostFtdcQryTradingAccountField query{};
    std::printf("{\"event\": \"made\", \"day\": \"%s\", \"early\": %d}\n", api->GetTradingDay(),
                api->ReqQryTradingAccount(&query, 1));
    api->RegisterSpi(&spi);
    api->SubscribePrivateTopic(0);
    api->SubscribePublicTopic(2);
    std::vector<char> address(front, front + std::strlen(front) + 1);
    api->RegisterFront(address.data());
    api->Init();
  }
  void release() {
    api->RegisterSpi(nullptr);
    api->Release();
  }

  Api* const api;
  Trader spi;
};

void trade(Instance* at) {
  Trader& spi = at->spi;
  CThostFtdcQryInstrumentField instrument{};
  CThostFtdcQryTradingAccountField account{};
  put(instrument.InstrumentID, "rb2701");
  const int first = at->api->ReqQryInstrument(&instrument, 11);
  std::printf("{\"event\": \"two queries\", \"first\": %d, \"second\": %d}\n", first, at->api->ReqQryTradingAccount(&account, 12));
  spi.wait("the instrument", [&] { return spi.answered == 1; });
  at->api->ReqQryTradingAccount(&account, 12);
  spi.wait("the account", [&] { return spi.answered == 2; });
  spi.order(1, 3501.0);
  spi.wait("the trade", [&] { return spi.my_trades == 1; });
  spi.order(2, 3400.0);
  spi.wait("an order that rests", [&] { return spi.last_status == '3'; });
  spi.cancel(2);
  spi.wait("its end", [&] { return spi.last_status == '5'; });
  spi.order(3, 3501.0, '3', 0);
  spi.wait("a refused order", [&] { return spi.orders_refused == 1; });
}

// A second instance hears the day, with as many trades as the first one has heard; a third, with a wrong password, is refused.
void trade_again(Instance* first, char** words, User user, const std::string& what) {
  int heard = 0;
  first->spi.note([&] { heard = first->spi.trades; });
  std::printf("{\"event\": \"second instance\"}\n");
  Instance second(words[1], words[2], user);
  second.spi.wait("the day's trades", [&] { return second.spi.trades >= heard; });
  second.release();
  if (what != "trade alone") return;
  user.password = "wrong";
  Instance third(words[1], words[2], user);
  third.spi.wait("a refusal", [&] { return third.spi.refusals == 1; });
  third.release();
}

// What carries the calls is gone, and stays so.
void go_on_alone(Instance* at) {
  std::printf("{\"event\": \"waits\"}\n");
  at->spi.wait("the break", [&] { return at->spi.disconnected == 1; });
  CThostFtdcQryTradingAccountField query{};
  std::printf("{\"event\": \"alone\", \"code\": %d, \"order\": %d}\n", at->api->ReqQryTradingAccount(&query, 13),
              at->spi.order(4, 3400.0));
}

}  // namespace

// LIBRARY FRONT FILE WHAT: FILE has broker, user, password, app id and auth code, a line each.
int main(int count, char** words) {
  if (count < 5) return 2;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  User user;
  std::ifstream file(words[3]);
  for (std::string* field : {&user.broker, &user.id, &user.password, &user.app_id, &user.auth_code}) std::getline(file, *field);
  const std::string what = words[4];
  Instance first(words[1], words[2], user);
  first.spi.wait("the login", [&] { return first.spi.ready == 1; });
  trade(&first);
  trade_again(&first, words, user, what);
  if (what == "trade alone") go_on_alone(&first);
  first.release();
  std::printf("{\"event\": \"done\", \"joined\": %d}\n", first.api->Join());
  return 0;
}
