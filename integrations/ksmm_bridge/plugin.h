// What the bridge needs of a library, in words of our own. The vendor's header is not here, and nothing of it is copied: who has the
// library writes one class that is a Plugin and calls it, and make_plugin() that makes one. stand_in.cpp is such a class for tests.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

struct OperatorLogin {
    std::string user, password;
    bool all_quotes = false;
};

struct BusLogin {
    std::string user, password, address, server, request_queue, answer_queue;
    int port = 0;
};

struct TradableRow {
    std::string asset_unit, portfolio, security, exchange, board;
    double tick = 0;
    long lot = 0, least = 0;
};

struct LogChoice {
    std::string prefix;
    bool to_file = false;
};

class Plugin {
  public:
    virtual ~Plugin() = default;
    virtual std::string version() const = 0;
    // Each returns 0, or a number that last_error explains. The bridge calls one at a time.
    virtual int init_plugin(const OperatorLogin&, const std::optional<BusLogin>&, int threads, const std::string& product,
                            const LogChoice&) = 0;
    virtual int init_algo(std::vector<TradableRow>& rows) = 0;
    // 0 the plugin, 1 trading, 2 quotes, 3 strategies; UTF-8, so who calls a library with GBK converts it.
    virtual std::string last_error(int part) const = 0;
    virtual std::string server_time() = 0;
    virtual int oem_days() = 0;
    // Whether the library has lost its counter since init_plugin.
    virtual bool lost() const = 0;
    virtual void close() = 0;
};

std::unique_ptr<Plugin> make_plugin();
