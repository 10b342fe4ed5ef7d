// A small complete terminal of the CTP relay: collects, proves itself, logs in, asks for the account, places an order that rests,
// loses its stream, resumes, stays until standard input says a line or ends, cancels the order and logs out. It comes back after
// every break. The settings are environment variables; see ../README.md.
#include <grpcpp/grpcpp.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>

#include "../c/proof.h"
#include "ctprelay/v1/terminal.grpc.pb.h"

namespace ctp = ctprelay::ctp::v1;
namespace relay = ctprelay::v1;

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds longest_pause = seconds(30), answer_time = seconds(60);

struct Broken : std::runtime_error {
    Broken() : std::runtime_error("流已断开 the stream is broken") {}
};

struct Refused : std::runtime_error {
    explicit Refused(const relay::Rejected &said)
        : std::runtime_error("rejected " + said.reason() + " " + said.message() + " " + said.advice()), rejected(said) {}
    relay::Rejected rejected;
};

std::string setting(const char *name, const char *otherwise = nullptr) {
    const char *value = std::getenv(name);
    if (!value) value = otherwise;
    if (!value) throw std::runtime_error(std::string("请设置 set ") + name);
    return value;
}

std::string content_of(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("不能读取 cannot read " + path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string trimmed(const std::string &text) {
    const auto begin = text.find_first_not_of(' ');
    return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

struct Collected {
    std::string system_info;
    unsigned length = 0;
    unsigned code = 0;
    std::string version;
};

// The value of one member in the collector's JSON, which has one object, and in its texts no quotes.
std::string member(const std::string &json, const std::string &name) {
    const auto at = json.find("\"" + name + "\": ");
    if (at == std::string::npos) throw std::runtime_error("采集失败 the collector failed");
    const auto begin = at + name.size() + 4;
    if (json[begin] != '"') return json.substr(begin, json.find_first_of(",}", begin) - begin);
    return json.substr(begin + 1, json.find('"', begin + 1) - begin - 1);
}

std::string from_base64(const std::string &text) {
    const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    unsigned bits = 0;
    int have = 0;
    for (const char letter : text) {
        const auto value = digits.find(letter);
        if (value == std::string::npos) break;
        bits = bits << 6 | static_cast<unsigned>(value);
        have += 6;
        if (have >= 8) bytes += static_cast<char>(bits >> (have -= 8) & 0xff);
    }
    return bytes;
}

// The collector stamps the time and differs at every call: run it for every login, and for no resume.
Collected collect() {
    setting("CTP_COLLECT");
    setting("CTP_TERMINAL_LIBRARY");
    std::unique_ptr<FILE, int (*)(FILE *)> output(popen("exec \"$CTP_COLLECT\" \"$CTP_TERMINAL_LIBRARY\" 2>/dev/null", "r"), pclose);
    std::string json;
    char piece[512];
    while (output && fgets(piece, sizeof piece, output.get())) json += piece;
    Collected collected;
    collected.system_info = from_base64(member(json, "system_info"));  // a string may hold NULs: never take it for a C string
    collected.length = static_cast<unsigned>(std::stoul(member(json, "length")));
    collected.code = static_cast<unsigned>(std::stoul(member(json, "code")));
    collected.version = member(json, "version");
    return collected;
}

std::string prove(const std::string &timestamp) {
    unsigned char proof[CTP_CHALLENGE_BYTES];
    const auto *challenge = reinterpret_cast<const unsigned char *>(timestamp.data());
    if (timestamp.size() != CTP_CHALLENGE_BYTES || !ctp_relay_proof(setting("CTP_TERMINAL_AUTH_CODE").c_str(), challenge, proof))
        throw std::runtime_error("授权码应为 16 个 ASCII 字符 the auth code is 16 ASCII characters");
    return {reinterpret_cast<char *>(proof), sizeof proof};
}

// One stream, and a thread that reads it.
class Stream {
public:
    explicit Stream(relay::TerminalService::Stub &stub) : stream_(stub.Session(&context_)), reader_([this] { read(); }) {}

    ~Stream() {
        context_.TryCancel();
        reader_.join();
    }

    void send(const relay::TerminalMessage &message) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            if (over_) return;  // what waits for an answer learns it
        }
        stream_->Write(message);
    }

    // Nothing where none came in this time. Throws where the stream is over.
    std::optional<relay::RelayMessage> receive(milliseconds time) {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait_for(lock, time, [this] { return over_ || !arrived_.empty(); });
        if (arrived_.empty() && over_) throw Broken();
        if (arrived_.empty()) return {};
        auto message = std::move(arrived_.front());
        arrived_.pop_front();
        return message;
    }

private:
    void read() {
        for (relay::RelayBatch batch; stream_->Read(&batch);) {
            const std::lock_guard<std::mutex> lock(mutex_);
            for (auto &message : *batch.mutable_messages()) arrived_.push_back(std::move(message));
            changed_.notify_one();
        }
        stream_->Finish();
        const std::lock_guard<std::mutex> lock(mutex_);
        over_ = true;
        changed_.notify_one();
    }

    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientReaderWriter<relay::TerminalMessage, relay::RelayBatch>> stream_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<relay::RelayMessage> arrived_;
    bool over_ = false;
    std::thread reader_;
};

class Terminal {
public:
    Terminal() {
        grpc::SslCredentialsOptions tls;
        tls.pem_root_certs = content_of(setting("CTP_TERMINAL_CA_FILE"));
        grpc::ChannelArguments arguments;
        arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20000);  // a dead connection is noticed; the relay takes pings down to 5 s
        arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
        arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
        arguments.SetMaxReceiveMessageSize(16 * 1024 * 1024);
        stub_ = relay::TerminalService::NewStub(grpc::CreateCustomChannel(setting("CTP_TERMINAL_RELAY"), grpc::SslCredentials(tls), arguments));
    }

    // Logs in, or resumes the session, as often as it takes. Throws where the relay says that it makes no sense.
    void connect(bool fresh) {
        for (milliseconds pause(500);; pause = std::min(2 * pause, longest_pause)) {
            auto wait = pause;
            try {
                return fresh ? log_in() : resume();
            } catch (const Broken &error) {
                std::cout << error.what() << std::endl;
            } catch (const Refused &error) {
                const bool gone = !fresh && error.rejected.reason() == "session_gone";
                const milliseconds retry_after = seconds(error.rejected.retry_after_seconds());
                if (!gone && !retry_after.count()) throw;
                std::cout << error.what() << std::endl;
                fresh = fresh || gone;
                wait = gone ? milliseconds(0) : std::max(pause, retry_after);
            }
            break_stream();
            std::this_thread::sleep_for(wait);
        }
    }

    // After a stream that is over: what the relay said last decides whether the session is, too.
    void come_back() {
        if (!goodbye_) return connect(false);  // nothing: the line is broken
        switch (*goodbye_) {
            case relay::Goodbye::KIND_SLOW_READER:
            case relay::Goodbye::KIND_STREAM_FAULT:
                return connect(false);
            case relay::Goodbye::KIND_RELAY_STOPPING:
            case relay::Goodbye::KIND_RELAY_FAULT:
                return connect(true);
            default:
                throw std::runtime_error("goodbye " + relay::Goodbye::Kind_Name(*goodbye_));
        }
    }

    // As a cable that is pulled: the session stays at the relay.
    void break_stream() { stream_.reset(); }

    // Takes what comes, and comes back after each break, until standard input says a line or ends.
    void stay() {
        pollfd user{STDIN_FILENO, POLLIN, 0};
        while (!poll(&user, 1, 0)) {
            try {
                if (const auto message = stream_->receive(milliseconds(100))) take(*message);
            } catch (const Broken &) {
                come_back();
            }
        }
    }

    relay::CallResult place(const ctp::Request &order) {
        placed_ = info_;
        return call(order, "example-" + std::to_string(std::chrono::system_clock::now().time_since_epoch().count()));
    }

    // Sends a request; returns its CallResult. Events that come before it are taken on the way.
    relay::CallResult call(const ctp::Request &request, const std::string &order_key = "") {
        relay::TerminalMessage message;
        message.mutable_call()->set_request_id(++request_id_);  // never twice in a session: replayed answers keep their ids
        *message.mutable_call()->mutable_request() = request;
        message.mutable_call()->set_client_order_key(order_key);
        send(message);
        const auto answer = next([this](const auto &m) { return m.has_call_result() && m.call_result().request_id() == request_id_; });
        const auto &result = answer.call_result();
        if (result.return_code()) throw std::runtime_error(std::to_string(result.return_code()) + " " + result.rejected().reason());
        return result;
    }

    ctp::Event query(const ctp::Request &request) {
        call(request);
        return next([this](const auto &m) { return m.has_event() && m.event().request_id() == request_id_ && m.event().is_last(); }).event();
    }

    void wait_for(const std::string &reference, std::initializer_list<ctp::OrderStatus> states) {
        // A notice may have come before the CallResult, so those seen are kept.
        while (std::find(states.begin(), states.end(), orders_[reference]) == states.end())
            next([](const auto &m) { return m.has_event(); });
    }

    void log_out() {
        relay::TerminalMessage message;
        message.mutable_logout();
        send(message);
        const auto last = next([](const auto &m) { return m.has_goodbye(); });
        std::cout << "goodbye " << relay::Goodbye::Kind_Name(last.goodbye().kind()) << std::endl;
    }

    const relay::LoggedIn &placed() const { return placed_; }

private:
    void log_in() {
        const auto collected = collect();
        std::cout << "collected " << collected.length << ' ' << collected.code << std::endl;
        relay::TerminalMessage message;
        auto *login = message.mutable_login();
        login->set_broker_id(setting("CTP_TERMINAL_BROKER"));
        login->set_investor_id(setting("CTP_TERMINAL_INVESTOR"));
        login->set_password(setting("CTP_TERMINAL_PASSWORD"));
        login->set_system_info(collected.system_info);
        login->set_system_info_length(collected.length);
        login->set_collector_code(collected.code);
        login->set_collector_version(collected.version);
        login->set_confirm_settlement(true);
        sequence_ = 0;
        login->set_auth_info(prove(challenge()));
        enter(message);
    }

    void resume() {
        relay::TerminalMessage message;
        message.mutable_resume()->set_resume_token(info_.resume_token());
        message.mutable_resume()->set_after_sequence(sequence_);
        message.mutable_resume()->set_auth_info(prove(challenge()));
        enter(message);
    }

    std::string challenge() {
        stream_.reset();
        goodbye_.reset();
        stream_ = std::make_unique<Stream>(*stub_);
        relay::TerminalMessage message;
        message.mutable_hello()->set_protocol(1);
        message.mutable_hello()->set_app_id(setting("CTP_TERMINAL_APP_ID"));
        message.mutable_hello()->set_client_version("example-cpp 1");
        send(message);
        return receive([](const auto &m) { return m.has_challenge(); }).challenge().timestamp();
    }

    void enter(const relay::TerminalMessage &message) {
        send(message);
        receive([](const auto &m) { return m.has_logged_in(); });
        std::cout << "logged_in " << info_.investor_id() << ' ' << info_.front_id() << ' ' << info_.session_id()
                  << " resumed=" << info_.resumed() << std::endl;
    }

    void send(const relay::TerminalMessage &message) { stream_->send(message); }

    // The next message that is wanted, of this stream.
    relay::RelayMessage receive(const std::function<bool(const relay::RelayMessage &)> &wanted) {
        for (;;) {
            const auto message = stream_->receive(answer_time);
            if (!message) throw std::runtime_error("没有收到应答 no answer came");
            take(*message);
            if (wanted(*message)) return *message;
        }
    }

    // The same, over breaks; what was missed comes after the stream was resumed.
    relay::RelayMessage next(const std::function<bool(const relay::RelayMessage &)> &wanted) {
        for (;;) {
            try {
                return receive(wanted);
            } catch (const Broken &) {
                come_back();
                if (!info_.resumed()) throw std::runtime_error("会话已换，先查询再重发 a new session: look before repeating");
            }
        }
    }

    void take(const relay::RelayMessage &message) {
        if (message.sequence()) sequence_ = message.sequence();  // what Resume says was the last
        if (message.has_rejected()) throw Refused(message.rejected());
        if (message.has_logged_in()) info_ = message.logged_in();  // at once: events may follow it
        if (message.has_goodbye()) goodbye_ = message.goodbye().kind();
        if (!message.has_event() || !message.event().has_rtn_order()) return;
        const auto &order = message.event().rtn_order();
        if (order.front_id() != placed_.front_id() || order.session_id() != placed_.session_id()) return;  // another program's
        orders_[trimmed(order.order_ref())] = order.order_status();
        std::cout << "order " << trimmed(order.order_ref()) << ' ' << ctp::OrderStatus_Name(order.order_status()) << std::endl;
    }

    std::unique_ptr<relay::TerminalService::Stub> stub_;
    std::unique_ptr<Stream> stream_;
    relay::LoggedIn info_;
    relay::LoggedIn placed_;  // the session in which the order was placed: the next login's may have other numbers
    std::optional<relay::Goodbye::Kind> goodbye_;
    std::unordered_map<std::string, ctp::OrderStatus> orders_;  // reference -> last status, of the orders placed here
    int request_id_ = 0;
    std::uint64_t sequence_ = 0;
};

ctp::Request limit_order() {
    ctp::Request request;
    auto *order = request.mutable_order_insert();
    order->set_instrument_id(setting("CTP_EXAMPLE_INSTRUMENT", "rb2701"));
    order->set_exchange_id(setting("CTP_EXAMPLE_EXCHANGE", "SHFE"));
    order->set_direction(ctp::DIRECTION_BUY);
    order->set_comb_offset_flag("0");  // combined flags are strings, one character a leg
    order->set_comb_hedge_flag("1");
    order->set_limit_price(std::stod(setting("CTP_EXAMPLE_PRICE")));
    order->set_volume_total_original(1);
    order->set_order_price_type(ctp::ORDER_PRICE_TYPE_LIMIT_PRICE);
    order->set_time_condition(ctp::TIME_CONDITION_GFD);
    order->set_volume_condition(ctp::VOLUME_CONDITION_AV);
    order->set_contingent_condition(ctp::CONTINGENT_CONDITION_IMMEDIATELY);
    order->set_force_close_reason(ctp::FORCE_CLOSE_REASON_NOT_FORCE_CLOSE);
    return request;
}

ctp::Request cancel_of(const relay::LoggedIn &session, const std::string &reference) {
    ctp::Request request;
    auto *action = request.mutable_order_action();
    action->set_instrument_id(setting("CTP_EXAMPLE_INSTRUMENT", "rb2701"));
    action->set_exchange_id(setting("CTP_EXAMPLE_EXCHANGE", "SHFE"));
    action->set_front_id(session.front_id());
    action->set_session_id(session.session_id());
    action->set_order_ref(reference);
    action->set_action_flag(ctp::ACTION_FLAG_DELETE);
    return request;
}

void trade() {
    Terminal terminal;
    terminal.connect(true);
    ctp::Request account;
    account.mutable_qry_trading_account();
    std::cout << "account " << terminal.query(account).rsp_qry_trading_account().balance() << std::endl;

    const auto reference = trimmed(terminal.place(limit_order()).order_ref());
    terminal.wait_for(reference, {ctp::ORDER_STATUS_NO_TRADE_QUEUEING, ctp::ORDER_STATUS_PART_TRADED_QUEUEING});

    std::cout << "breaking" << std::endl;
    terminal.break_stream();
    terminal.come_back();
    std::cout << "staying 按回车撤单并登出 Enter cancels the order and logs out" << std::endl;
    terminal.stay();
    terminal.call(cancel_of(terminal.placed(), reference));
    terminal.wait_for(reference, {ctp::ORDER_STATUS_CANCELED});
    terminal.log_out();
}

}  // namespace

int main() {
    try {
        trade();
    } catch (const std::exception &error) {
        std::cerr << error.what() << std::endl;
        return 1;
    }
}
