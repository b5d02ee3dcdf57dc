// `deeprec serve`: a bundle behind HTTP, and the page that asks it.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include <pthread.h>

#include <httplib.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <deeprec/recommender/snapshot.hpp>

#include "openapi.hpp"
#include "page.hpp"
#include "program.hpp"

namespace program {

namespace {

using Json = nlohmann::json;
using httplib::Request;
using httplib::Response;

struct Options {
    std::vector<std::string> bundles;
    std::string host = "127.0.0.1", token;
    int port = 8080, threads = 16;
    Index most = 1000;  // the largest k
    double body_kb = 1024, seconds = 2;  // seconds: of explaining one list
};

// What a client did wrong, with the status that says so.
struct Refusal : std::runtime_error {
    Refusal(int code, const std::string& what) : std::runtime_error(what), status(code) {}
    int status;
};

// A bundle and what is looked up in it: never changed, replaced as a whole.
struct Served {
    AnyRecommender shop;
    std::uint64_t version = 1;
    std::vector<std::string> titles, small_titles;  // by item id; small: lower case
    Json about;

    Served(AnyRecommender bundle, const std::string& name, std::uint64_t number)
        : shop(std::move(bundle)), version(number) {
        titles.emplace_back();
        for (std::int32_t id = 1; id <= shop.items().size(); ++id) titles.push_back(label(shop, shop.items().key(id)));
        for (const std::string& title : titles) small_titles.push_back(small(title));
        about = {{"name", name},
                 {"recipe", shop.about["recipe"]},
                 {"protocol", shop.about["protocol"]},
                 {"validation", shop.about["validation"]},
                 {"items", shop.items().size()},
                 {"users", shop.users().size()},
                 {"columns", columns()}};
    }
    const std::string& title(std::string_view key) const {
        return titles[static_cast<std::size_t>(shop.items().at(key))];
    }
    static std::string small(std::string text) {
        for (char& c : text)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
        return text;
    }

private:
    // Columns with few values, for the page's filter; those that most items have come first.
    Json columns() const {
        Json columns = Json::object();
        for (const std::string& name : shop.column_names()) {
            if (name == "title") continue;
            std::map<std::string, int> counts;
            for (std::int32_t id = 1; id <= shop.items().size() && counts.size() <= 200; ++id)
                for (const std::string& value : shop.values(name, shop.items().key(id))) ++counts[value];
            if (counts.empty() || counts.size() > 200) continue;
            std::vector<std::pair<int, std::string>> order;
            for (const auto& [value, count] : counts) order.emplace_back(-count, value);
            std::sort(order.begin(), order.end());
            for (const auto& entry : order) columns[name].push_back(entry.second);
        }
        return columns;
    }
};

// The models that answer, in the order of the command line.
using Live = std::vector<Served>;

// A body, field by field: what has another type, or a name that nobody asked for, is refused in a sentence.
class Body {
public:
    explicit Body(const Request& request) {
        const std::string type = request.get_header_value("Content-Type");
        if (type.substr(0, type.find(';')) != "application/json")  // which no page of another site can send unasked
            throw Refusal(415, "expected the header Content-Type: application/json");
        // Values are copied and shown by calls within calls, which 100 KB of '[' would end the stack with.
        std::vector<std::set<std::string>> names;  // of the objects that are open
        const auto strict = [&](int depth, Json::parse_event_t event, Json& value) {
            if (depth > 16) throw Refusal(400, "expected JSON of at most 16 levels");
            if (event == Json::parse_event_t::object_start) names.emplace_back();
            if (event == Json::parse_event_t::object_end) names.pop_back();
            if (event == Json::parse_event_t::key && !names.back().insert(value.get<std::string>()).second)
                throw Refusal(400, message("the name ", value.dump(), " is there twice"));
            return true;
        };
        try {
            json_ = Json::parse(request.body, strict);
        } catch (const Json::exception& error) {
            throw Refusal(400, std::string("expected JSON: ") + error.what());
        }
        if (!json_.is_object()) throw Refusal(400, std::string("expected an object, received ") + json_.type_name());
    }
    explicit Body(Json json) : json_(std::move(json)) {
        if (!json_.is_object()) throw Refusal(400, std::string("expected an object, received ") + json_.type_name());
    }
    std::string text(const char* name, bool needed = false) {
        const Json* found = find(name);
        if (!found && needed) throw Refusal(400, message("expected \"", name, "\""));
        if (!found) return {};
        if (!found->is_string()) fail(name, "a text", *found);
        return found->get<std::string>();
    }
    std::vector<std::string> texts(const char* name) {
        const Json* found = find(name);
        return found ? texts_of(name, *found) : std::vector<std::string>{};
    }
    // A text stands for a list of one.
    std::vector<std::string> text_or_texts(const char* name) {
        const Json* found = find(name);
        if (!found) return {};
        return found->is_string() ? std::vector{found->get<std::string>()} : texts_of(name, *found);
    }
    Index number(const char* name, Index otherwise, Index most) {
        const Json* found = find(name);
        if (!found) return otherwise;
        if (!found->is_number_integer() || *found < 0 || *found > most)
            fail(name, message("a whole number from 0 to ", most).c_str(), *found);
        return found->get<Index>();
    }
    double share(const char* name) {
        const Json* found = find(name);
        if (!found) return 0;
        if (!found->is_number() || !(*found >= 0) || !(*found <= 1)) fail(name, "a number from 0 to 1", *found);
        return found->get<double>();
    }
    bool flag(const char* name, bool otherwise) {
        const Json* found = find(name);
        if (!found) return otherwise;
        if (!found->is_boolean()) fail(name, "true or false", *found);
        return found->get<bool>();
    }
    std::vector<Body> objects(const char* name, std::size_t most) {
        const Json* found = find(name);
        if (!found || !found->is_array() || found->empty() || found->size() > most)
            throw Refusal(400, message("\"", name, "\": expected a list of 1 to ", most, " objects"));
        std::vector<Body> all;
        for (const Json& one : *found) all.emplace_back(one);
        return all;
    }
    // {"genres": "Drama", "year": ["1994", "1995"]}
    std::vector<std::pair<std::string, std::string>> pairs(const char* name) {
        std::vector<std::pair<std::string, std::string>> pairs;
        const Json* found = find(name);
        if (!found) return pairs;
        if (!found->is_object()) fail(name, "an object of columns and values", *found);
        for (const auto& [column, values] : found->items())
            for (const std::string& value :
                 values.is_string() ? std::vector{values.get<std::string>()} : texts_of(name, values))
                pairs.emplace_back(column, value);
        return pairs;
    }
    // {"event_type": "cart", "price": 9.5, "tags": ["a", "b"]}: what is known of an event or a user.
    FeatureRow row(const char* name) {
        const Json* found = find(name);
        return found ? row_of(name, *found) : FeatureRow{};
    }
    std::vector<FeatureRow> rows(const char* name) {
        std::vector<FeatureRow> all;
        const Json* found = find(name);
        if (!found) return all;
        if (!found->is_array() || found->size() > 1000) fail(name, "a list of at most 1000 objects", *found);
        for (const Json& one : *found) all.push_back(row_of(name, one));
        return all;
    }
    // The names that nobody has asked for.
    std::vector<std::string> others() const {
        std::vector<std::string> names;
        for (const auto& [name, value] : json_.items())
            if (!asked_.count(name)) names.push_back(name);
        return names;
    }
    void end() const {
        if (others().empty()) return;
        std::string known;
        for (const std::string& name : asked_) known += (known.empty() ? "" : ", ") + name;
        throw Refusal(
            400, message("unknown field ", Json(others().front()).dump(-1, ' ', false, Json::error_handler_t::replace),
                         "; expected ", known));
    }

private:
    const Json* find(const char* name) {
        asked_.insert(name);
        const auto found = json_.find(name);
        return found == json_.end() || found->is_null() ? nullptr : &*found;
    }
    static FeatureRow row_of(const char* name, const Json& object) {
        if (!object.is_object()) fail(name, "objects of columns and values", object);
        FeatureRow row;
        for (const auto& [column, value] : object.items()) {
            if (value.is_string())
                row[column] = value.get<std::string>();
            else if (value.is_number())
                row[column] = value.get<double>();
            else if (value.is_array() && !value.empty() && value.size() <= 1000 &&
                     std::all_of(value.begin(), value.end(), [](const Json& x) { return x.is_number(); }))
                row[column] = value.get<std::vector<float>>();
            else if (value.is_array())
                row[column] = texts_of(name, value);
            else if (!value.is_null())
                fail(name, "texts, numbers and lists of them", value);
        }
        return row;
    }
    static std::vector<std::string> texts_of(const char* name, const Json& list) {
        if (!list.is_array() || list.size() > 1000) fail(name, "a list of at most 1000 texts", list);
        std::vector<std::string> texts;
        for (const Json& one : list) {
            if (!one.is_string()) fail(name, "a list of texts", one);
            texts.push_back(one.get<std::string>());
        }
        return texts;
    }
    [[noreturn]] static void fail(const char* name, const char* expected, const Json& received) {
        std::string shown = received.dump(-1, ' ', false, Json::error_handler_t::replace);
        if (shown.size() > 60) shown = std::string("a long ") + received.type_name();
        throw Refusal(400, message("\"", name, "\": expected ", expected, ", received ", shown));
    }
    Json json_;
    std::set<std::string, std::less<>> asked_;
};

// Counts for Prometheus: requests by path and status, and how long they took.
class Metrics {
public:
    void add(const std::string& path, int status, double seconds) {
        const std::lock_guard lock(mutex_);
        ++requests_[{path, status}];
        for (std::size_t b = 0; b < bounds.size(); ++b) buckets_[b] += seconds <= bounds[b];
        ++count_;
        sum_ += seconds;
    }
    std::string text(const Served& served) const {
        const std::lock_guard lock(mutex_);
        std::string text = "# TYPE deeprec_requests_total counter\n";
        for (const auto& [what, count] : requests_)
            text +=
                message("deeprec_requests_total{path=\"", what.first, "\",status=\"", what.second, "\"} ", count, "\n");
        text += "# TYPE deeprec_request_seconds histogram\n";
        for (std::size_t b = 0; b < bounds.size(); ++b)
            text += message("deeprec_request_seconds_bucket{le=\"", bounds[b], "\"} ", buckets_[b], "\n");
        text += message("deeprec_request_seconds_bucket{le=\"+Inf\"} ", count_, "\ndeeprec_request_seconds_sum ", sum_,
                        "\ndeeprec_request_seconds_count ", count_,
                        "\n# TYPE deeprec_model_version gauge\ndeeprec_model_version ", served.version,
                        "\n# TYPE deeprec_items gauge\ndeeprec_items ", served.shop.items().size(), "\n");
        return text;
    }

private:
    static constexpr std::array<double, 10> bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1};
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, int>, std::uint64_t> requests_;
    std::array<std::uint64_t, bounds.size()> buckets_{};
    std::uint64_t count_ = 0;
    double sum_ = 0;
};

class Service {
public:
    explicit Service(const Options& options) : options_(options), live_(load(1)) { routes(); }
    // Until SIGINT or SIGTERM; requests that have begun are answered.
    void run() {
        if (!server_.bind_to_port(options_.host, options_.port))
            throw FileError(message("serve: cannot listen on ", options_.host, " port ", options_.port,
                                    "; is another program there? --port chooses another"));
        sigset_t ends;
        sigemptyset(&ends);
        sigaddset(&ends, SIGINT);
        sigaddset(&ends, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // of all threads that begin from here on
        std::thread stopper([&] {
            int signal = 0;
            sigwait(&ends, &signal);
            server_.stop();
        });
        for (std::size_t m = 0; m < options_.bundles.size(); ++m)
            std::printf("%s: %d items, %d users\n", options_.bundles[m].c_str(), (*live_.get())[m].shop.items().size(),
                        (*live_.get())[m].shop.users().size());
        std::printf("http://%s:%d/ until Ctrl-C\n", options_.host.c_str(), options_.port);
        std::fflush(stdout);
        server_.listen_after_bind();
        stopper.join();
        std::printf("Stopped\n");
    }

private:
    static constexpr Index most_explained = 100;  // items of a list, and the last events of a history
    using Answer = Json (Service::*)(const Request&, const Live&);

    // The JSON of an answer, or of a refusal; timed.
    httplib::Server::Handler handler(const std::string& path, Answer answer) {
        return [this, path, answer](const Request& request, Response& response) {
            const auto begin = std::chrono::steady_clock::now();
            Json json;
            response.status = 200;
            try {
                const auto live = live_.get();
                json = (this->*answer)(request, *live);
            } catch (const Refusal& refusal) {
                response.status = refusal.status;
                json = {{"error", refusal.what()}};
            } catch (const Error& error) {  // the library's words about what it was asked for
                response.status = 422;
                json = {{"error", error.what()}};
            } catch (const std::exception& error) {
                response.status = 500;
                json = {{"error", error.what()}};
            }
            response.set_content(json.dump(-1, ' ', false, Json::error_handler_t::replace), "application/json");
            metrics_.add(path, response.status,
                         std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        };
    }
    void routes() {
        server_.new_task_queue = [this] { return new httplib::ThreadPool(static_cast<std::size_t>(options_.threads)); };
        server_.set_payload_max_length(static_cast<std::size_t>(options_.body_kb * 1024));
        server_.set_read_timeout(5);
        server_.set_write_timeout(5);
        server_.set_keep_alive_timeout(2);
        server_.set_keep_alive_max_count(1000000);
        server_.set_tcp_nodelay(true);
        server_.set_socket_options([](socket_t socket) {  // without the default SO_REUSEPORT: one server a port
            const int yes = 1;
            ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        });
        server_.set_default_headers(
            {{"X-Content-Type-Options", "nosniff"},
             {"Content-Security-Policy",
              "default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"}});
        // Answers are sent whole: 8 KB of "Range: bytes=0-,0-,0-,..." would ask for thousands of copies.
        server_.set_pre_routing_handler([](const Request& request, Response&) {
            const_cast<Request&>(request).ranges.clear();
            return httplib::Server::HandlerResponse::Unhandled;
        });
        server_.Post("/api/recommend", handler("/api/recommend", &Service::recommend));
        server_.Get(R"(/api/items/(.+)/similar)", handler("/api/items/{key}/similar", &Service::similar));
        server_.Get("/api/items", handler("/api/items", &Service::search));
        server_.Get("/api/about", handler("/api/about", &Service::about));
        server_.Post("/api/items", handler("POST /api/items", &Service::add));
        server_.Delete(R"(/api/items/(.+))", handler("DELETE /api/items/{key}", &Service::remove));
        server_.Post("/api/reload", handler("/api/reload", &Service::reload));
        server_.Get("/healthz", handler("/healthz", &Service::health));
        server_.Get("/metrics", [this](const Request&, Response& response) {
            response.set_content(metrics_.text(live_.get()->front()), "text/plain; version=0.0.4");
        });
        server_.Get("/openapi.json", [](const Request&, Response& response) {
            response.set_content(openapi, sizeof openapi - 1, "application/json");
        });
        server_.Get("/", [](const Request&, Response& response) {
            response.set_content(page, sizeof page - 1, "text/html; charset=utf-8");
        });
        server_.set_error_handler([this](const Request& request, Response& response) {
            if (!response.body.empty()) return;           // an answer's own words
            metrics_.add("refused", response.status, 0);  // before any answer: no such path, too large, no HTTP
            const std::string what = response.status == 404
                                         ? "there is nothing at " + request.method + " " + request.path
                                     : response.status == 413 ? "the body is too large"
                                                              : "status " + std::to_string(response.status);
            response.set_content(Json{{"error", what}}.dump(-1, ' ', false, Json::error_handler_t::replace),
                                 "application/json");
        });
    }

    // Answers

    Json recommend(const Request& request, const Live& live) {
        Body body(request);
        const Served& served = model(live, body.number("model", 1, 1000));
        KeyQuery query{body.texts("history"), body.text("user"), body.rows("events"), body.row("about_user")};
        const Index k = body.number("k", 10, options_.most);
        const bool explained = body.flag("explain", false);
        const double diversity = body.share("diversity");
        KeyOptions options{.exclude_history = body.flag("exclude_history", true),
                           .exclude = body.texts("exclude"),
                           .filter = filter_by(served.shop, body.pairs("filters")),
                           .reasons = 0};
        body.end();
        if ((explained || diversity > 0) && k > most_explained)  // what these cost grows faster than the list
            throw Refusal(400, message("\"k\": expected at most ", most_explained, " with explain or diversity"));
        if (diversity > 0) options.diversity = Mmr{.strength = diversity};
        if (explained) {
            // A history with fields stays as it is: of those the model reads its last events alone.
            if (query.history.empty() && !served.shop.served_fields() && served.shop.users().find(query.user))
                query.history = served.shop.history(query.user);
            if (std::ssize(query.history) > most_explained) {
                if (options.exclude_history)
                    options.exclude.insert(options.exclude.end(), query.history.begin(), query.history.end());
                if (query.events.size() == query.history.size())
                    query.events.erase(query.events.begin(), query.events.end() - most_explained);
                query.history.erase(query.history.begin(), query.history.end() - most_explained);
            }
        }
        KeyHits list = served.shop.recommend(query, k, options);
        if (explained && !list.fallback) {
            const auto begin = std::chrono::steady_clock::now();
            for (KeyHit& hit : list) {
                if (std::chrono::steady_clock::now() - begin > std::chrono::duration<double>(options_.seconds))
                    throw Refusal(503, message("explaining took longer than ", options_.seconds,
                                               " seconds (--max-seconds); ask for fewer items, or a shorter history"));
                hit.because = served.shop.reasons(query, hit.key);
            }
        }
        return hits(served, list);
    }
    Json similar(const Request& request, const Live& live) {
        const Served& served = model(live, number(request, "model", 1, 1000));
        const std::string key = request.matches[1];
        if (!served.shop.items().find(key)) throw Refusal(404, "there is no item " + key);
        return hits(served, served.shop.similar_items(key, number(request, "k", 10, options_.most)));
    }
    Json search(const Request& request, const Live& live) {
        const Served& served = live.front();
        const std::string key = request.get_param_value("search"), wanted = Served::small(key);
        const auto most = static_cast<std::size_t>(number(request, "limit", 20, 200));
        std::array<std::vector<std::int32_t>, 3> found;  // begins so, has a word that begins so, has it anywhere
        const Vocabulary& items = served.shop.items();
        for (std::int32_t id = 1; id <= items.size() && found[0].size() < most; ++id) {
            const std::string& title = served.small_titles[static_cast<std::size_t>(id)];
            const std::size_t at = title.find(wanted);
            if (at == 0 || items.key(id) == key)
                found[0].push_back(id);
            else if (at != title.npos)
                found[title.find(" " + wanted) != title.npos ? 1 : 2].push_back(id);
        }
        Json list = Json::array();
        for (const auto& part : found)
            for (const std::int32_t id : part)
                if (list.size() < most)
                    list.push_back({{"key", items.key(id)}, {"title", served.titles[static_cast<std::size_t>(id)]}});
        return {{"items", list}};
    }
    Json about(const Request&, const Live& live) {
        Json models = Json::array();
        for (const Served& served : live) models.push_back(served.about);
        return {{"version", live.front().version}, {"models", models}};
    }
    Json health(const Request&, const Live& live) { return {{"status", "ok"}, {"version", live.front().version}}; }

    // {"items": [{"key": "SKU-9", "title": "Lamp", "genres": ["Light"]}]}: new ones are added, removed ones come back.
    Json add(const Request& request, const Live&) {
        check_token(request);
        Body body(request);
        std::vector<Body> items = body.objects("items", 10000);
        body.end();
        const std::lock_guard lock(changing_);
        const auto now = live_.get();
        const auto names = now->front().shop.column_names();
        std::vector<std::string> keys;
        Vocabulary seen;
        ItemTexts texts;
        for (Body& item : items) {
            keys.push_back(item.text("key", true));
            const std::string& key = keys.back();
            if (key.empty()) throw Refusal(400, "\"key\": expected a text that is not empty");
            if (seen.add(key) < std::ssize(keys))
                throw Refusal(400, "\"items\": the key " + key + " is there twice");
            for (const std::string& name : item.others()) {
                if (std::find(names.begin(), names.end(), name) == names.end()) {
                    std::string known;
                    for (const std::string& column : names) known += (known.empty() ? "" : ", ") + column;
                    throw Refusal(400, "unknown field \"" + name + "\" of an item; expected key" +
                                           (known.empty() ? "" : ", " + known));
                }
                texts[name][key] = item.text_or_texts(name.c_str());
            }
        }
        std::size_t added = 0;  // to the first model
        Json done = change([&](AnyRecommender& shop, bool is_first) {
            std::vector<std::string> fresh, back;
            for (const std::string& key : keys) (shop.items().find(key) ? back : fresh).push_back(key);
            shop.restore_items(back);
            const auto own = shop.column_names();
            ItemTexts known = texts;
            std::erase_if(known,
                          [&](const auto& t) { return std::find(own.begin(), own.end(), t.first) == own.end(); });
            add_items(shop, fresh, known);
            if (is_first) added = fresh.size();
        });
        done["added"] = added;
        done["restored"] = keys.size() - added;
        return done;
    }
    Json remove(const Request& request, const Live&) {
        check_token(request);
        const std::lock_guard lock(changing_);
        const std::string key = request.matches[1];
        std::size_t removed = 0;
        const auto now = live_.get();
        for (const Served& served : *now) removed += served.shop.items().find(key).has_value();
        if (removed == 0) throw Refusal(404, "there is no item " + key);
        Json done = change([&](AnyRecommender& shop, bool) {
            if (shop.items().find(key)) shop.remove_items({key});
        });
        done["removed"] = 1;
        return done;
    }
    Json reload(const Request& request, const Live&) {
        check_token(request);
        const std::lock_guard lock(changing_);
        const std::uint64_t next = live_.get()->front().version + 1;
        live_.put(load(next));
        return {{"reloaded", options_.bundles}, {"version", next}};
    }

    // Helpers

    Live load(std::uint64_t version) const {
        Live live;
        for (const std::string& path : options_.bundles) live.emplace_back(load_bundle(path), path, version);
        return live;
    }
    // Puts models in place that f(shop, whether it is the first) has changed; all of them or, where one throws, none.
    template <class F>
    Json change(const F& f) {
        const auto now = live_.get();
        const std::uint64_t next = now->front().version + 1;
        Live live;
        for (const Served& served : *now) {
            AnyRecommender shop = served.shop;
            f(shop, live.empty());
            live.emplace_back(std::move(shop), served.about["name"], next);
        }
        live_.put(std::move(live));
        return {{"version", next}};
    }
    static const Served& model(const Live& live, Index number) {
        if (number < 1 || number > std::ssize(live))
            throw Refusal(400, message("\"model\": expected a number from 1 to ", live.size(), ", received ", number));
        return live[static_cast<std::size_t>(number - 1)];
    }
    static Json hits(const Served& served, const KeyHits& hits) {
        Json list = Json::array();
        for (const KeyHit& hit : hits) {
            Json one{{"key", hit.key}, {"score", hit.score}, {"title", served.title(hit.key)}};
            if (!hit.because.empty()) {
                one["because"] = Json::array();
                for (const Reason& reason : hit.because)
                    one["because"].push_back(
                        {{"key", reason.key}, {"title", served.title(reason.key)}, {"value", reason.value}});
            }
            list.push_back(std::move(one));
        }
        return {{"items", std::move(list)},
                {"unknown", hits.unknown},
                {"fallback", hits.fallback},
                {"version", served.version}};
    }
    static Index number(const Request& request, const char* name, Index otherwise, Index most) {
        if (!request.has_param(name)) return otherwise;
        const std::string text = request.get_param_value(name);
        const bool digits = !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == text.npos;
        if (!digits || std::stol(text) > most)
            throw Refusal(400, message(name, ": expected a whole number from 0 to ", most));
        return std::stol(text);
    }
    void check_token(const Request& request) const {
        if (options_.token.empty()) return;
        const std::string expected = "Bearer " + options_.token, given = request.get_header_value("Authorization");
        unsigned char different = given.size() == expected.size() ? 0 : 1;  // in the same time wherever they differ
        for (std::size_t i = 0; i < expected.size() && i < given.size(); ++i)
            different = static_cast<unsigned char>(different | (expected[i] ^ given[i]));
        if (different) throw Refusal(401, "expected the header Authorization: Bearer with the server's token");
    }

    Options options_;
    Snapshot<Live> live_;
    std::mutex changing_;  // one change at a time, each of the newest version
    Metrics metrics_;
    httplib::Server server_;
};

}  // namespace

void add_serve(CLI::App& app) {
    const auto o = std::make_shared<Options>();
    CLI::App* const c = app.add_subcommand("serve", "answer over HTTP, with a page to look at");
    c->add_option("BUNDLES", o->bundles, "what deeprec train wrote; the page shows several side by side")
        ->required()
        ->expected(1, 4);
    c->add_option("--port", o->port, "to listen on")->check(CLI::Range(1, 65535));
    c->add_option("--host", o->host, "address to listen on; 0.0.0.0 = all of this machine, which wants a --token");
    c->add_option("--token", o->token, "asked of what changes state: POST and DELETE /api/items, POST /api/reload")
        ->envname("DEEPREC_TOKEN")
        ->configurable(false);
    c->add_option("--threads", o->threads, "connections that are served at once")->check(CLI::Range(1, 1024));
    c->add_option("--max-k", o->most, "the longest list")->check(CLI::Range(1, 100000));
    c->add_option("--max-seconds", o->seconds, "for explaining one list; what takes longer is status 503")
        ->check(CLI::Range(0.0, 3600.0));
    c->add_option("--max-body", o->body_kb, "KB of a request")->check(CLI::Range(1.0, 1e6));
    c->footer(
        "Example:\n  deeprec serve shop.deeprec --port 8080\n  deeprec serve shop.deeprec other.deeprec\n"
        "  curl -H 'Content-Type: application/json' -d '{\"history\": [\"SKU-1\"], \"k\": 5}' "
        "http://127.0.0.1:8080/api/recommend");
    set_work(c, [o] {
        const bool local = o->host == "127.0.0.1" || o->host == "localhost" || o->host == "::1";
        if (!local && o->token.empty())
            throw ArgumentError("serve: other machines could change what is served; with --host " + o->host +
                                " give a --token (or DEEPREC_TOKEN)");
        Service(*o).run();
    });
}

}  // namespace program
