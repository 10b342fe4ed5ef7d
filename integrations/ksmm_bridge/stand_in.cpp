// A library of our own in the place of the vendor's, so that the bridge compiles and runs where there is none. It writes what it
// is called with to standard output, passwords apart.
#include <ctime>
#include <iostream>

#include "plugin.h"

namespace {

class StandIn : public Plugin {
  public:
    std::string version() const override { return "stand-in 1"; }

    int init_plugin(const OperatorLogin& who, const std::optional<BusLogin>& bus, int threads, const std::string& product,
                    const LogChoice& log) override {
        std::cout << "InitPlugin " << who.user << " quotes=" << who.all_quotes << " threads=" << threads << " product=" << product
                  << " log=" << log.prefix << "," << log.to_file;
        if (bus)
            std::cout << " bus=" << bus->user << "@" << bus->address << ":" << bus->port << " " << bus->server << " "
                      << bus->request_queue << " " << bus->answer_queue;
        std::cout << std::endl;
        if (product == "expired") return refuse(-100, "授权码无效或已过期");
        if (who.password != "operator-demo") return refuse(-101, "操作员或密码错误");
        if (bus && bus->password != "888888") return refuse(-102, "KCBP 登录失败");
        ready_ = true;
        return 0;
    }

    int init_algo(std::vector<TradableRow>& rows) override {
        if (!ready_) return refuse(-103, "未初始化");
        for (const char* security : {"430001", "430002"}) rows.push_back({"U1", "P1", security, "2", "N0", 0.01, 100, 1000});
        rows.push_back({"U1", "P1", "899001", "3", "B0", 0.01, 100, 1000});
        return 0;
    }

    std::string last_error(int part) const override { return part == 0 ? said_ : ""; }

    std::string server_time() override {
        const std::time_t china = std::time(nullptr) + 8 * 3600;
        std::tm parts{};
        gmtime_r(&china, &parts);
        char text[9];
        std::strftime(text, sizeof text, "%H:%M:%S", &parts);
        return text;
    }

    int oem_days() override { return 200; }
    bool lost() const override { return false; }
    void close() override {
        ready_ = false;
        std::cout << "Close" << std::endl;
    }

  private:
    int refuse(int code, const char* text) {
        said_ = text;
        return code;
    }

    bool ready_ = false;
    std::string said_;
};

}  // namespace

std::unique_ptr<Plugin> make_plugin() { return std::make_unique<StandIn>(); }
