// The bridge: the relay's gRPC on one side, a Plugin on the other. One relay, one session, one call of the library at a time.
//
//   ksmm-bridge 127.0.0.1:50090                                     this machine alone
//   ksmm-bridge unix:/run/ksmm.sock
//   ksmm-bridge 0.0.0.0:50090 CA.pem CERTIFICATE.pem KEY.pem        mutual TLS: the relay shows a certificate of CA
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <mutex>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "ctprelay/bridge/v1/bridge.grpc.pb.h"
#include "plugin.h"

namespace pb = ctprelay::bridge::v1;
using grpc::ServerContext;
using grpc::Status;

namespace {

constexpr unsigned kProtocol = 1;
constexpr auto kAlive = std::chrono::seconds(2);
const Status kUnknown(grpc::StatusCode::FAILED_PRECONDITION, "no such session");

std::string new_name() {
    std::random_device random;
    std::ostringstream name;
    for (int i = 0; i < 4; ++i) name << std::hex << random();
    return name.str();
}

class Bridge final : public pb::BridgeService::Service {
  public:
    Status Open(ServerContext*, const pb::OpenRequest* asked, pb::OpenReply* reply) override {
        std::lock_guard lock(mutex_);
        reply->set_protocol(kProtocol);
        if (asked->protocol() != kProtocol) return Status::OK;
        end();
        plugin_ = make_plugin();
        session_ = new_name();
        reply->set_session(session_);
        reply->set_bridge_version("1");
        reply->set_system("ksmm");
        reply->set_library_version(plugin_->version());
        return Status::OK;
    }

    Status Login(ServerContext*, const pb::LoginRequest* asked, pb::LoginReply* reply) override {
        std::lock_guard lock(mutex_);
        if (!known(asked->session())) return kUnknown;
        std::optional<BusLogin> bus;
        if (asked->has_middleware()) {
            const auto& said = asked->middleware();
            bus = BusLogin{said.user(),          said.password(),     said.address(),          said.server(),
                           said.request_queue(), said.answer_queue(), static_cast<int>(said.port())};
        }
        const auto& who = asked->operator_();
        const int code = plugin_->init_plugin({who.user(), who.password(), who.all_quotes()}, bus,
                                              static_cast<int>(asked->threads()), asked->product(),
                                              {asked->log_prefix(), asked->log_to_file()});
        say(code, reply->mutable_error());
        return Status::OK;
    }

    Status Describe(ServerContext*, const pb::DescribeRequest* asked, pb::DescribeReply* reply) override {
        std::lock_guard lock(mutex_);
        if (!known(asked->session())) return kUnknown;
        std::vector<TradableRow> rows;
        const int code = plugin_->init_algo(rows);
        say(code, reply->mutable_error());
        if (code != 0) return Status::OK;
        for (const auto& row : rows) {
            auto* one = reply->add_tradables();
            one->set_asset_unit(row.asset_unit);
            one->set_portfolio(row.portfolio);
            one->set_security(row.security);
            one->set_exchange(row.exchange);
            one->set_board(row.board);
            one->set_tick(row.tick);
            one->set_lot(row.lot);
            one->set_least(row.least);
        }
        reply->set_server_time(plugin_->server_time());
        reply->set_licence_days(plugin_->oem_days());
        return Status::OK;
    }

    Status Call(ServerContext*, const pb::CallRequest* asked, pb::CallReply* reply) override {
        std::lock_guard lock(mutex_);
        if (!known(asked->session())) return kUnknown;
        reply->mutable_error()->set_code(-1);
        reply->mutable_error()->set_text("no request is offered");
        return Status::OK;
    }

    Status Events(ServerContext* context, const pb::EventsRequest* asked,
                  grpc::ServerWriter<pb::BridgeEvent>* events) override {
        while (!context->IsCancelled()) {
            pb::BridgeEvent event;
            {
                std::lock_guard lock(mutex_);
                if (!known(asked->session())) return kUnknown;
                if (plugin_->lost())
                    say(-1, event.mutable_lost());
                else
                    event.mutable_alive()->set_server_time(plugin_->server_time());
            }
            if (!events->Write(event) || event.has_lost()) break;
            const auto until = std::chrono::steady_clock::now() + kAlive;
            while (!context->IsCancelled() && std::chrono::steady_clock::now() < until)
                std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        return Status::OK;
    }

    Status Close(ServerContext*, const pb::CloseRequest* asked, pb::CloseReply*) override {
        std::lock_guard lock(mutex_);
        if (!known(asked->session())) return kUnknown;
        end();
        return Status::OK;
    }

    ~Bridge() override {
        std::lock_guard lock(mutex_);
        end();
    }

  private:
    bool known(const std::string& session) const { return plugin_ && session == session_; }

    void end() {
        if (plugin_) plugin_->close();
        plugin_.reset();
        session_.clear();
    }

    // The library says for each part what is wrong; the first that has words is the one concerned.
    void say(int code, pb::PluginError* error) const {
        if (code == 0) return;
        error->set_code(code);
        for (int part = 0; part < 4; ++part) {
            const std::string words = plugin_->last_error(part);
            if (words.empty()) continue;
            error->set_text(words);
            error->set_part(part);
            return;
        }
    }

    mutable std::mutex mutex_;
    std::unique_ptr<Plugin> plugin_;
    std::string session_;
};

std::string content_of(const char* path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(std::string("cannot be read: ") + path);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool is_here(const std::string& address) {
    return address.rfind("unix:/", 0) == 0 || address.rfind("127.0.0.1:", 0) == 0 || address.rfind("[::1]:", 0) == 0;
}

std::shared_ptr<grpc::ServerCredentials> credentials(int count, char** words) {
    if (count == 2) {
        if (!is_here(words[1])) throw std::runtime_error("without TLS the address is 127.0.0.1:PORT, [::1]:PORT or unix:/PATH");
        return grpc::InsecureServerCredentials();
    }
    grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = content_of(words[2]);
    options.pem_key_cert_pairs.push_back({content_of(words[4]), content_of(words[3])});
    return grpc::SslServerCredentials(options);
}

}  // namespace

int main(int count, char** words) try {
    if (count != 2 && count != 5) {
        std::cerr << "ksmm-bridge ADDRESS [CA.pem CERTIFICATE.pem KEY.pem]\n";
        return 2;
    }
    Bridge bridge;
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(words[1], credentials(count, words), &port);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.RegisterService(&bridge);
    const auto server = builder.BuildAndStart();
    if (!server) throw std::runtime_error("cannot be listened on");
    std::cout << "listening " << port << std::endl;
    server->Wait();
    return 0;
} catch (const std::exception& error) {
    std::cerr << "ksmm-bridge: " << error.what() << "\n";
    return 1;
}
