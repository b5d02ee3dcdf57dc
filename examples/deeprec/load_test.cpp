// Load for `deeprec serve`: starts the program on a free port of 127.0.0.1, asks it over connections that stay open,
// and returns 1 where an answer is wrong, memory grows, or it is slower than --least and --p99 ask. It shares the
// machine with the server, and with whatever else runs there.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

sockaddr_in address(int port) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return at;
}

struct Answer {
    int status = 0;  // 0: the server closed the connection without one
    std::string body;
};

// One connection that is kept open, and opened again where the server closed it.
class Connection {
public:
    explicit Connection(int port) : port_(port) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() { close(); }

    void close() {
        if (socket_ >= 0) ::close(socket_);
        socket_ = -1;
        received_.clear();
    }
    // Sends bytes as they are and reads one answer; `last` says that no more will come.
    Answer send(const std::string& bytes, bool last = false) {
        if (socket_ < 0) open();
        for (std::size_t sent = 0; sent < bytes.size();) {
            const ssize_t n = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) break;  // the server has heard enough: its answer says why
            sent += static_cast<std::size_t>(n);
        }
        if (last) ::shutdown(socket_, SHUT_WR);
        return receive();
    }
    Answer ask(const std::string& method, const std::string& path, const std::string& body = {}) {
        return send(method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" +
                    "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    }

private:
    void open() {
        socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_in at = address(port_);
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
            close();
            throw Failure("the server takes no connection");
        }
        const int yes = 1;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    bool more() {
        char bytes[16384];
        const ssize_t n = ::recv(socket_, bytes, sizeof bytes, 0);
        if (n > 0) received_.append(bytes, static_cast<std::size_t>(n));
        return n > 0;
    }
    Answer receive() {
        std::size_t end = 0;
        while ((end = received_.find("\r\n\r\n")) == std::string::npos)
            if (!more()) return close(), Answer{};
        const std::string head = received_.substr(0, end + 2);
        Answer answer{std::atoi(head.c_str() + head.find(' ')), {}};
        const std::size_t at = head.find("Content-Length: ");
        const std::size_t length = at == head.npos ? 0 : std::strtoul(head.c_str() + at + 16, nullptr, 10);
        while (received_.size() < end + 4 + length)
            if (!more()) return close(), Answer{};
        answer.body = received_.substr(end + 4, length);
        received_.erase(0, end + 4 + length);
        if (head.find("Connection: close\r\n") != head.npos) close();
        return answer;
    }
    int port_, socket_ = -1;
    std::string received_;
};

// `deeprec serve BUNDLE` for as long as this lives.
class Server {
public:
    Server(const std::string& program, const std::string& bundle) : port_(free_port()) {
        const std::string port = std::to_string(port_);
        process_ = ::fork();
        if (process_ == 0) {
            const int null = ::open("/dev/null", O_WRONLY);
            ::dup2(null, 1);
            ::execl(program.c_str(), program.c_str(), "serve", bundle.c_str(), "--port", port.c_str(), nullptr);
            ::_exit(127);
        }
        for (int tries = 0; tries < 600; ++tries) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            if (::waitpid(process_, nullptr, WNOHANG) == process_) {
                process_ = -1;
                throw Failure(program + " serve " + bundle + " does not start");
            }
            try {
                if (Connection(port_).ask("GET", "/healthz").status == 200) return;
            } catch (const Failure&) {  // not yet
            }
        }
        throw Failure("the server does not answer");
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() {
        if (process_ > 0) ::kill(process_, SIGTERM), ::waitpid(process_, nullptr, 0);
    }
    int port() const { return port_; }
    // Its memory in KB.
    long resident() const {
        std::ifstream status("/proc/" + std::to_string(process_) + "/status");
        for (std::string line; std::getline(status, line);)
            if (line.rfind("VmRSS:", 0) == 0) return std::atol(line.c_str() + 6);
        throw Failure("the server is gone");
    }
    // What it has taken of the processors, in seconds: whatever else runs on the machine.
    double cpu() const {
        std::ifstream stat("/proc/" + std::to_string(process_) + "/stat");
        std::string field;
        std::getline(stat, field, ')');  // after the number and the name
        double ticks = 0;
        for (int f = 3; f <= 15 && stat >> field; ++f)
            if (f >= 14) ticks += std::atof(field.c_str());
        return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }
    void end() {
        int status = 0;
        ::kill(process_, SIGTERM);
        ::waitpid(process_, &status, 0);
        process_ = -1;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw Failure("the server did not end with 0");
    }

private:
    static int free_port() {
        const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in at = address(0);
        socklen_t size = sizeof at;
        ::bind(probe, reinterpret_cast<const sockaddr*>(&at), sizeof at);
        ::getsockname(probe, reinterpret_cast<sockaddr*>(&at), &size);
        ::close(probe);
        return ntohs(at.sin_port);
    }
    int port_;
    pid_t process_ = -1;
};

// f(number of the request, connection) for `requests` requests over `connections` connections; the first failure ends
// it. Returns the milliseconds that each took.
std::vector<double> run(int port, int connections, long requests, const std::function<void(long, Connection&)>& f) {
    std::atomic<long> next{0};
    std::mutex mutex;
    std::string failure;
    std::vector<double> all;
    std::vector<std::thread> threads;
    for (int c = 0; c < connections; ++c)
        threads.emplace_back([&] {
            Connection connection(port);
            std::vector<double> own;
            try {
                for (long i; (i = next++) < requests;) {
                    const auto begin = Clock::now();
                    f(i, connection);
                    own.push_back(1e3 * seconds_since(begin));
                }
            } catch (const std::exception& error) {
                const std::lock_guard lock(mutex);
                failure = error.what();
                next = requests;
            }
            const std::lock_guard lock(mutex);
            all.insert(all.end(), own.begin(), own.end());
        });
    for (std::thread& thread : threads) thread.join();
    if (!failure.empty()) throw Failure(failure);
    std::sort(all.begin(), all.end());
    return all;
}

// Bodies of requests: histories of 1 to 10 of the bundle's first 200 items.
std::vector<std::string> bodies_for(int port, std::size_t count) {
    const std::string list = Connection(port).ask("GET", "/api/items?search=&limit=200").body;
    std::vector<std::string> keys;
    for (std::size_t at = 0; (at = list.find("\"key\":\"", at)) != list.npos;) {
        at += 7;
        keys.push_back(list.substr(at, list.find('"', at) - at));
    }
    if (keys.empty()) throw Failure("the bundle has no items");
    std::mt19937 random(42);
    std::vector<std::string> bodies;
    while (bodies.size() < count) {
        std::string history;
        for (std::size_t n = 1 + random() % 10; n > 0; --n)
            history += (history.empty() ? "\"" : ", \"") + keys[random() % keys.size()] + "\"";
        bodies.push_back("{\"history\": [" + history + "], \"k\": 10}");
    }
    return bodies;
}
Answer good(const Answer& answer) {
    if (answer.status != 200)
        throw Failure("expected status 200, received " + std::to_string(answer.status) + " " + answer.body);
    return answer;
}
long version_of(const std::string& body) {
    const std::size_t at = body.find("\"version\":");
    if (at == body.npos) throw Failure("an answer without a version: " + body);
    return std::atol(body.c_str() + at + 10);
}
std::string without_version(const std::string& body) { return body.substr(0, body.find("\"version\":")); }

struct Options {
    std::string program, mode;
    std::vector<std::string> bundles;
    long requests = 100000;
    int connections = 4, reloads = 20;
    double least = 0, p99 = 0;
};

void speed(const Options& o) {
    Server server(o.program, o.bundles[0]);
    const auto bodies = bodies_for(server.port(), 1000);
    const auto ask = [&](long i, Connection& connection) {
        good(connection.ask("POST", "/api/recommend", bodies[static_cast<std::size_t>(i) % bodies.size()]));
    };
    run(server.port(), o.connections, std::min(o.requests, 2000L), ask);  // warms up
    const double cpu = server.cpu();
    const auto begin = Clock::now();
    const std::vector<double> ms = run(server.port(), o.connections, o.requests, ask);
    const double seconds = seconds_since(begin), of_server = server.cpu() - cpu;
    const auto part = [&](double p) { return ms[static_cast<std::size_t>(p * static_cast<double>(ms.size() - 1))]; };
    std::printf(
        "speed: %zu requests over %d connections, %.0f requests/s, p50 %.2f ms, p99 %.2f ms, slowest %.2f ms; the "
        "server "
        "took %.0f us of a processor for each\n",
        ms.size(), o.connections, static_cast<double>(ms.size()) / seconds, part(0.5), part(0.99), ms.back(),
        1e6 * of_server / static_cast<double>(ms.size()));
    server.end();
    if (static_cast<double>(ms.size()) / seconds < o.least || (o.p99 > 0 && part(0.99) > o.p99))
        throw Failure("slower than asked for");
}

// The two bundles take turns at one path; each answer must be, to the byte, the one that the model of its version has.
void reloads(const Options& o) {
    if (o.bundles.size() != 2) throw Failure("reloads: expected two bundles of the same items");
    const std::filesystem::path served =
        std::filesystem::temp_directory_path() / ("deeprec-load-" + std::to_string(::getpid()) + ".deeprec");
    const std::filesystem::path part = served.string() + ".part";
    const auto put = [&](std::size_t model) {
        std::filesystem::copy_file(o.bundles[model], part, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::rename(part, served);
    };
    struct Remove {
        const std::filesystem::path& path;
        ~Remove() { std::filesystem::remove(path); }
    } const remove{served};
    put(0);
    Server server(o.program, served);
    const auto bodies = bodies_for(server.port(), 100);
    const auto reload = [&] {  // by a connection of its own: the server closes those that ask nothing for two seconds
        return version_of(good(Connection(server.port()).ask("POST", "/api/reload", "{}")).body);
    };
    Connection connection(server.port());
    std::vector<std::string> expected[2];
    long first = 0;  // version that the first bundle had; they alternate from there
    for (const std::size_t model : {0u, 1u}) {
        put(model);
        const long version = reload();
        if (model == 0) first = version;
        for (const std::string& body : bodies)
            expected[model].push_back(without_version(good(connection.ask("POST", "/api/recommend", body)).body));
    }
    if (expected[0] == expected[1]) throw Failure("reloads: the two bundles have the same answers");
    std::atomic<long> done{0}, answers[2]{};
    std::atomic<bool> failed{false};
    std::string failure;
    std::thread reloader([&] {
        try {
            for (int r = 0; r < o.reloads && !failed; ++r) {
                while (done < o.requests * r / o.reloads && !failed)
                    std::this_thread::sleep_for(std::chrono::milliseconds(1));
                put(static_cast<std::size_t>(r % 2));
                if (const long version = reload(); version != first + 2 + r)
                    throw Failure("expected version " + std::to_string(first + 2 + r) + ", received " +
                                  std::to_string(version));
            }
        } catch (const std::exception& error) {
            failure = error.what();
        }
    });
    try {
        run(server.port(), o.connections, o.requests, [&](long i, Connection& own) {
            const std::size_t which = static_cast<std::size_t>(i) % bodies.size();
            const std::string body = good(own.ask("POST", "/api/recommend", bodies[which])).body;
            const auto model = static_cast<std::size_t>((version_of(body) - first) % 2);
            if (without_version(body) != expected[model][which]) throw Failure("an answer of no model: " + body);
            ++answers[model];
            ++done;
        });
    } catch (...) {
        failed = true;
        reloader.join();
        throw;
    }
    reloader.join();
    if (!failure.empty()) throw Failure("reload: " + failure);
    std::printf(
        "reloads: %ld requests during %d reloads, %ld answers of the first model and %ld of the second, none "
        "failed, none mixed\n",
        done.load(), o.reloads, answers[0].load(), answers[1].load());
    server.end();
}

// As many requests that are none as asked for, twice: the first time warms up, the second must leave memory as it is.
void malformed(const Options& o) {
    const std::string head = "POST /api/recommend HTTP/1.1\r\nContent-Type: application/json\r\n";
    const auto with = [&](const std::string& body) {
        return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    };
    struct Case {
        std::string bytes;
        bool ends = false;  // the connection with it
    };
    const std::vector<Case> cases{
        {with("{")},
        {with("[]")},
        {with("")},
        {with(std::string(50000, '['))},
        {with("{\"k\": -1}")},
        {with("{\"k\": \"ten\"}")},
        {with("{\"k\": 1e400}")},
        {with("{\"history\": [1]}")},
        {with("{\"colour\": \"\xff\xfe\"}")},
        {with("{\"filters\": {\"nothing\": \"red\"}}")},
        {with("{\"k\": 1, \"k\": 2}")},
        {with(std::string("{\"history\": [\"\0\"]}", 18))},
        {"POST /api/recommend HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"},
        {"GET /nothing HTTP/1.1\r\n\r\n"},
        {"GET /api/items/%00%ff/similar?k=-1 HTTP/1.1\r\n\r\n"},
        {"DELETE /api/items/nothing HTTP/1.1\r\n\r\n"},
        {"FLY / HTTP/1.1\r\n\r\n", true},
        {"\x16\x03\x01 no HTTP at all\r\n\r\n", true},
        {head + "Content-Length: 2000000\r\n\r\n" + std::string(2000000, ' '), true},
        {head + "Content-Length: 1000\r\n\r\n{\"k\":", true},
    };
    const Case& unfinished = cases.back();
    Server server(o.program, o.bundles[0]);
    std::map<int, std::atomic<long>> statuses;
    for (int status = 0; status < 600; ++status) statuses[status] = 0;
    const auto ask = [&](long i, Connection& connection) {
        const Case& one = cases[static_cast<std::size_t>(i) % cases.size()];
        const Answer answer =
            one.ends ? Connection(server.port()).send(one.bytes, &one == &unfinished) : connection.send(one.bytes);
        if (answer.status != 0 && (answer.status < 400 || answer.status > 499))
            throw Failure("expected status 4xx, received " + std::to_string(answer.status) + " to " +
                          one.bytes.substr(0, 100));
        ++statuses.at(answer.status);
    };
    run(server.port(), o.connections, o.requests, ask);
    const long before = server.resident();
    run(server.port(), o.connections, o.requests, ask);
    const long after = server.resident();
    good(Connection(server.port()).ask("GET", "/healthz"));
    std::printf("malformed: 2 x %ld requests, status", o.requests);
    for (const auto& [status, count] : statuses)
        if (count > 0) std::printf(" %d: %ld", status, count.load());
    std::printf("; memory %.1f MB after the first half, %+.2f MB in the second\n", static_cast<double>(before) / 1024,
                static_cast<double>(after - before) / 1024);
    if (after - before > 1024) throw Failure("memory grows");
    server.end();
}

}  // namespace

int main(int argc, char** argv) {
    Options o;
    CLI::App app("Load for deeprec serve.");
    app.add_option("PROGRAM", o.program, "deeprec")->required();
    app.add_option(
           "MODE", o.mode,
           "speed: requests/s and how long they take; reloads: two bundles take turns, no answer fails or mixes "
           "them; malformed: requests that are none, twice, and what memory does")
        ->required()
        ->check(CLI::IsMember({"speed", "reloads", "malformed"}));
    app.add_option("BUNDLES", o.bundles, "one, or two with the same items")->required()->expected(1, 2);
    app.add_option("--requests", o.requests, "how many")->check(CLI::Range(1, 1 << 30))->capture_default_str();
    app.add_option("--connections", o.connections, "at once")->check(CLI::Range(1, 1000))->capture_default_str();
    app.add_option("--reloads", o.reloads, "of the mode reloads")->check(CLI::Range(1, 1000))->capture_default_str();
    app.add_option("--least", o.least, "requests/s of the mode speed");
    app.add_option("--p99", o.p99, "of the mode speed, in milliseconds, at most; 0 = any");
    CLI11_PARSE(app, argc, argv);
    try {
        (o.mode == "speed" ? speed : o.mode == "reloads" ? reloads : malformed)(o);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: FAILED: %s\n", o.mode.c_str(), error.what());
        return 1;
    }
}
