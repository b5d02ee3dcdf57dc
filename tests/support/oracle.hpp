/// Reference vectors of Keras and PyTorch (tests/oracle/README.md): reading, comparing, counting.
///
///     TEST_CASE("conv1d", "[oracle]") {
///         oracle::run("conv1d", "conv1d", []<class T>(oracle::Case<T>& c) {   // once with float, once with double
///             if (c.config["activation"] == "gelu") throw oracle::NotApplicable{"no gelu yet"};
///             Conv1D<T> layer{c.config["filters"], c.config["kernel_size"]};
///             oracle::check_layer(c, layer, c.template tensor<3>("in/x"));     // or c.close("out/y", y) by hand
///         });
///     }
///
/// The copy in tests/oracle runs always. Cases of the whole set, in DEEPREC_SHARED_ORACLE or ../shared/oracle beside
/// the repository, run too where they are missing in the copy or differ from it. At its end the program prints `oracle:
/// N passed, M failed, K not applicable`; a case counts once, with all scalars and tests that ran it.
///
/// Tests take a case from its configuration alone, so that another set of the same format runs too. What it has and a
/// test does not know is counted and named: options (`c.only({...})`), values, whole operations, and in sets that are
/// not the copy entries and tensors that are missing.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include <deeprec/core/function_ref.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/core/parameters.hpp>
#include <deeprec/core/sparse_rows.hpp>
#include <deeprec/core/window.hpp>
#include <deeprec/kernels/simd/softmax.hpp>

#include "support/catch.hpp"

namespace oracle {

using deeprec::Index;
using deeprec::Tensor;
using Json = nlohmann::json;

/// Throw it inside `run` for a case that the library does not offer.
struct NotApplicable {
    std::string reason;
};
/// A case that lacks an entry or tensor: not applicable in a foreign set, a failure in the copy.
struct Incomplete {
    std::string reason;
};

/// The configuration of a case or a part of it. Nothing is looked up that is not there.
class Config {
public:
    Config(Json json = Json::object()) : json_(std::move(json)) {}
    /// Throws Incomplete for a missing entry.
    const Json& operator[](const std::string& key) const {
        const auto found = json_.find(key);
        if (found == json_.end()) throw Incomplete{"no '" + key + "' in the configuration"};
        return *found;
    }
    bool contains(const std::string& key) const { return json_.contains(key) && !json_.at(key).is_null(); }
    /// `fallback` where there is none, or null.
    template <class Value>
    Value value(const std::string& key, const Value& fallback) const {
        return contains(key) ? json_.at(key).get<Value>() : fallback;
    }
    std::string value(const std::string& key, const char* fallback) const { return value(key, std::string(fallback)); }
    /// Throws NotApplicable for an entry with another name, unless it is off: null, false or 0.
    void only(std::initializer_list<std::string_view> known) const {
        for (const auto& [key, value] : json_.items()) {
            const bool off = value.is_null() || value == false || (value.is_number() && value == 0);
            if (!off && std::find(known.begin(), known.end(), key) == known.end()) throw NotApplicable{"option " + key};
        }
    }
    /// Throws NotApplicable where `key` is there with another value.
    void require(const std::string& key, const Json& value) const {
        if (contains(key) && json_.at(key) != value) throw NotApplicable{key + " " + json_.at(key).dump()};
    }
    const Json& json() const { return json_; }
    std::string dump() const { return json_.dump(); }

private:
    Json json_;
};

// ------------------------------------------------------------------------------------------------ files

struct Stored {
    std::string dtype;
    std::vector<Index> shape;
    std::size_t begin = 0, end = 0;
};

/// One `<group>.safetensors`, every size checked against the bytes that are there.
class TensorFile {
public:
    explicit TensorFile(const std::filesystem::path& path) : path_(path.string()) {
        std::ifstream file(path, std::ios::binary);
        if (!file) throw std::runtime_error("oracle: cannot read " + path_);
        const std::string all{std::istreambuf_iterator<char>(file), {}};
        std::uint64_t length = 0;
        require(all.size() >= 8, "shorter than its length field");
        std::memcpy(&length, all.data(), 8);
        require(length <= all.size() - 8, "header longer than the file");
        const Json header = Json::parse(all.begin() + 8, all.begin() + 8 + static_cast<std::ptrdiff_t>(length));
        data_ = all.substr(8 + length);
        for (const auto& [name, entry] : header.items()) {
            if (name == "__metadata__") continue;
            Stored s{entry.at("dtype"), entry.at("shape"), entry.at("data_offsets").at(0), entry.at("data_offsets").at(1)};
            std::size_t bytes = element_size(s.dtype);
            for (const Index extent : s.shape) {
                require(extent >= 0 && (extent == 0 || bytes <= data_.size() / static_cast<std::size_t>(extent)),
                        name + " has an impossible shape");
                bytes *= static_cast<std::size_t>(extent);
            }
            require(s.begin <= s.end && s.end <= data_.size() && s.end - s.begin == bytes, name + " has wrong offsets");
            tensors_.emplace(name, std::move(s));
        }
    }
    const Stored& at(const std::string& name) const {
        const auto found = tensors_.find(name);
        if (found == tensors_.end()) throw Incomplete{"no tensor " + name.substr(name.find('/') + 1)};
        return found->second;
    }
    std::string bytes(const Stored& s) const { return data_.substr(s.begin, s.end - s.begin); }
    /// Elements converted to T.
    template <class T>
    std::vector<T> values(const Stored& s) const {
        const std::string raw = bytes(s);
        std::vector<T> out(raw.size() / element_size(s.dtype));
        const auto convert = [&]<class From>(From) {
            for (std::size_t i = 0; i < out.size(); ++i) {
                From value;
                std::memcpy(&value, raw.data() + i * sizeof value, sizeof value);
                out[i] = static_cast<T>(value);
            }
        };
        if (s.dtype == "F64") convert(double{});
        if (s.dtype == "F32") convert(float{});
        if (s.dtype == "I32") convert(std::int32_t{});
        if (s.dtype == "I64") convert(std::int64_t{});
        return out;
    }

private:
    void require(bool condition, const std::string& what) const {
        if (!condition) throw std::runtime_error("oracle: " + path_ + ": " + what);
    }
    std::size_t element_size(const std::string& dtype) const {
        require(dtype == "F64" || dtype == "F32" || dtype == "I32" || dtype == "I64", "unknown dtype " + dtype);
        return dtype == "F64" || dtype == "I64" ? 8 : 4;
    }
    std::string path_, data_;
    std::map<std::string, Stored> tensors_;
};

/// A case of a manifest with the file that has its tensors.
struct Entry {
    Json manifest;
    std::shared_ptr<const TensorFile> file;
    std::string where;  ///< "copy" or "shared"

    std::string id() const { return manifest.at("id"); }
    std::vector<std::string> tensor_names() const {
        std::vector<std::string> names;
        for (const auto& [role, list] : manifest.at("tensors").items())
            for (const auto& name : list) names.push_back(role + "/" + name.get<std::string>());
        return names;
    }
    bool same_as(const Entry& other) const {
        if (manifest != other.manifest) return false;
        for (const std::string& name : tensor_names()) {
            const Stored &a = file->at(id() + "/" + name), &b = other.file->at(id() + "/" + name);
            if (a.dtype != b.dtype || a.shape != b.shape || file->bytes(a) != other.file->bytes(b)) return false;
        }
        return true;
    }
};

inline std::filesystem::path copy_folder() { return std::filesystem::path(DEEPREC_SOURCE_DIR) / "tests" / "oracle"; }
/// Folder of the whole set, empty where there is none.
inline std::filesystem::path shared_folder() {
    const char* chosen = std::getenv("DEEPREC_SHARED_ORACLE");
    const std::filesystem::path folder =
        chosen ? chosen : std::filesystem::path(DEEPREC_SOURCE_DIR) / ".." / "shared" / "oracle";
    return std::filesystem::exists(folder / "index.json") ? folder : std::filesystem::path{};
}
inline Json read_json(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("oracle: cannot read " + path.string());
    return Json::parse(file);
}

/// All cases of a group: the copy's, then those of the whole set that the copy lacks or has differently.
inline std::vector<Entry> group(const std::string& name) {
    std::vector<Entry> cases;
    const auto add = [&](const std::filesystem::path& folder, const char* where) {
        if (folder.empty() || !std::filesystem::exists(folder / (name + ".json"))) return;
        const Json manifest = read_json(folder / (name + ".json"));
        const auto file = std::make_shared<const TensorFile>(folder / manifest.at("file").get<std::string>());
        const std::size_t before = cases.size();
        for (const Json& one : manifest.at("cases")) {
            Entry entry{one, file, where};
            bool known = false;
            for (std::size_t i = 0; i < before; ++i) known = known || (cases[i].id() == entry.id() && cases[i].same_as(entry));
            if (!known) cases.push_back(std::move(entry));
        }
    };
    add(copy_folder(), "copy");
    add(shared_folder(), "shared");
    if (cases.empty()) throw std::runtime_error("oracle: no group " + name);
    return cases;
}

// ------------------------------------------------------------------------------------------------ counting

/// Result of every case that ran; prints the line at the end of the program.
class Tally {
public:
    static Tally& get() {
        static Tally tally;
        return tally;
    }
    void passed(const Entry& e) { result(e); }
    void failed(const Entry& e) { result(e).failed = true; }
    void not_applicable(const Entry& e, const std::string& reason) { result(e).reason = reason; }

    ~Tally() {
        if (results_.empty()) return;
        int passed = 0, failed = 0;
        std::map<std::string, int> reasons;
        for (const auto& [id, result] : results_) {
            if (result.failed)
                ++failed;
            else if (result.reason.empty())
                ++passed;
            else
                ++reasons[result.reason];
        }
        count_cases_not_run(reasons);
        int rest = 0;
        for (const auto& [reason, count] : reasons) rest += count;
        std::printf("oracle: %d passed, %d failed, %d not applicable\n", passed, failed, rest);
        for (const auto& [reason, count] : reasons) std::printf("oracle:   %d not applicable: %s\n", count, reason.c_str());
        if (shared_folder().empty())
            std::printf("oracle: ==> THE WHOLE SET IS NOT HERE (DEEPREC_SHARED_ORACLE, ../shared/oracle): ran the copy in "
                        "tests/oracle only\n");
    }

private:
    struct Result {
        bool failed = false;
        std::string reason, name;
    };
    static std::string name(const Json& manifest) {
        return manifest.at("id").get<std::string>() + " " + manifest.at("op").get<std::string>();
    }
    Result& result(const Entry& e) {
        Result& r = results_[e.where + "/" + e.id()];
        r.name = name(e.manifest);
        return r;
    }
    /// What the index promises and no test asked for, by operation.
    void count_cases_not_run(std::map<std::string, int>& reasons) const try {
        std::set<std::string> ran;
        for (const auto& [key, result] : results_) ran.insert(result.name);
        const auto folder = shared_folder().empty() ? copy_folder() : shared_folder();
        const Json index = read_json(folder / "index.json");
        for (const Json& g : index.at("groups")) {
            const std::string group = g.at("group");
            const Json manifest = read_json(folder / (group + ".json"));
            std::map<std::string, int> missing;
            std::size_t seen = 0;
            for (const Json& one : manifest.at("cases"))
                if (ran.count(name(one)))
                    ++seen;
                else
                    ++missing[one.at("op").get<std::string>()];
            for (const auto& [op, count] : missing)
                reasons["group " + group + (seen ? ", " + op : std::string()) + ": not run"] += count;
        }
    } catch (const std::exception& error) {
        std::printf("oracle: %s\n", error.what());
    }
    std::map<std::string, Result> results_;
};

// ------------------------------------------------------------------------------------------------ comparing

/// The case's name of a parameter, by its path in the model.
using Rename = std::function<std::string(const std::string&)>;
inline std::string same_name(const std::string& name) { return name; }

/// One case as a program with scalar T sees it.
template <class T>
class Case {
public:
    explicit Case(const Entry& entry)
        : id(entry.id()), op(entry.manifest.at("op")), semantics(entry.manifest.value("semantics", "")),
          config(entry.manifest.value("config", Json::object())), entry_(entry) {}

    const std::string id, op, semantics;
    const Config config;

    bool has(const std::string& name) const {
        const auto slash = name.find('/');
        for (const std::string& n : names(name.substr(0, slash)))
            if (n == name.substr(slash + 1)) return true;
        return false;
    }
    /// Names of a role, for example names("param").
    std::vector<std::string> names(const std::string& role) const {
        return entry_.manifest.at("tensors").value(role, std::vector<std::string>{});
    }
    std::vector<Index> shape(const std::string& name) const { return stored(name).shape; }
    int rank(const std::string& name) const { return static_cast<int>(shape(name).size()); }
    /// Elements of "role/name" in row-major order.
    template <class Element = T>
    std::vector<Element> values(const std::string& name) const {
        return entry_.file->template values<Element>(stored(name));
    }
    /// "role/name" as a tensor of the rank it is stored with; ids and masks with their own Element.
    template <int Rank, class Element = T>
    Tensor<Element, Rank> tensor(const std::string& name) const {
        const std::vector<Index> extents = shape(name);
        if (extents.size() != Rank) throw NotApplicable{name + " of rank " + std::to_string(extents.size())};
        std::array<Index, Rank> e;
        std::copy(extents.begin(), extents.end(), e.begin());
        Tensor<Element, Rank> out(e);
        const std::vector<Element> all = values<Element>(name);
        std::copy(all.begin(), all.end(), out.data());
        return out;
    }
    /// Calls f with the tensor at its own rank, 2 to 4.
    template <class F>
    void with_tensor(const std::string& name, F&& f) const {
        switch (rank(name)) {
            case 2: return f(tensor<2>(name));
            case 3: return f(tensor<3>(name));
            case 4: return f(tensor<4>(name));
            default: throw NotApplicable{name + " of rank " + std::to_string(rank(name))};
        }
    }
    /// Calls f with the ids or labels at their own rank, 1 to 3.
    template <class F>
    void with_ids(const std::string& name, F&& f) const {
        switch (rank(name)) {
            case 1: return f(tensor<1, std::int32_t>(name));
            case 2: return f(tensor<2, std::int32_t>(name));
            case 3: return f(tensor<3, std::int32_t>(name));
            default: throw NotApplicable{name + " of rank " + std::to_string(rank(name))};
        }
    }
    /// Elements of "role/name" in one row, whatever its shape.
    template <class Element = T>
    Tensor<Element, 1> flat(const std::string& name) const {
        const std::vector<Element> all = values<Element>(name);
        Tensor<Element, 1> out(static_cast<Index>(all.size()));
        std::copy(all.begin(), all.end(), out.data());
        return out;
    }
    /// Overwrites every parameter p of a built layer or model by "param/<rename(p)>"; every one must be used once.
    template <class Model>
    void load(Model& model, const Rename& rename = same_name) const {
        load_list(deeprec::parameter_list(std::as_const(model)), rename);
        model.parameters_changed();
    }
    /// Checks the gradients of a list against "grad/<rename(p)>", those that the case has.
    void close_gradients(const deeprec::ParameterList<T>& list, const Rename& rename = same_name) {
        for (const deeprec::Parameter<T>& p : list)
            if (!p.is_state()) close_gradient_if("grad/" + rename(p.path), p);
    }
    void close_gradient_if(const std::string& name, const deeprec::Parameter<T>& p) {
        if (!has(name)) return;
        if (p.rows)
            close(name, *p.rows);
        else
            close_shaped(name, shape_of(p.shape), p.gradient, p.size());
    }
    /// Checks the values of a parameter, if the case has them.
    void close_parameter_if(const std::string& name, const deeprec::Parameter<T>& p) {
        if (has(name)) close_shaped(name, shape_of(p.shape), p.values, p.size());
    }

    /// Checks a tensor, view or SparseRows against "role/name" under the case's tolerance; `kind` picks a special one
    /// of a float program ("loss" for f32_loss). Records the first difference and returns whether there was none.
    template <class Got>
    bool close(const std::string& name, const Got& got, const std::string& kind = "") {
        if constexpr (requires { got.dense(); })
            return close(name, got.dense(), kind);
        else
            return close_shaped(name, shape_of(got), got.data(), got.size(), kind);
    }
    template <class Element>
    bool close_shaped(const std::string& name, const std::vector<Index>& got_shape, const Element* got, Index n,
                      const std::string& kind = "") {
        if (shape(name) != got_shape)
            return differs(name + " has shape " + Json(got_shape).dump() + ", expected " + Json(shape(name)).dump());
        return close_values(name, got, n, kind);
    }
    /// `close` for what a case may leave out.
    template <class Got>
    void close_if(const std::string& name, const Got& got, const std::string& kind = "") {
        if (has(name)) close(name, got, kind);
    }
    /// The same for one number.
    void close_number_if(const std::string& name, double got, const std::string& kind = "") {
        if (has(name)) close_values(name, &got, 1, kind);
    }
    /// As `close`, without a check of the shape.
    template <class Element>
    bool close_values(const std::string& name, const Element* got, Index n, const std::string& kind = "") {
        ++compared_;
        const std::vector<double> expected = values<double>(name);
        if (static_cast<std::size_t>(n) != expected.size())
            return differs(name + " has " + std::to_string(n) + " elements, expected " + std::to_string(expected.size()));
        const Json all = entry_.manifest.value("tol", Json::object());
        const std::string scalar = std::is_same_v<T, double> ? "f64" : "f32";
        if (!all.contains(scalar)) throw Incomplete{"no tolerance for " + scalar};
        const Json& tolerance = all.at(all.contains(scalar + "_" + kind) ? scalar + "_" + kind : scalar);
        const double rtol = tolerance.at("rtol"), atol = tolerance.at("atol");
        double largest = 1;
        for (const double e : expected)
            if (std::isfinite(e)) largest = std::max(largest, std::abs(e));
        for (std::size_t i = 0; i < expected.size(); ++i) {
            const double e = expected[i], g = static_cast<double>(got[i]);
            const bool good = std::isnan(e)        ? std::isnan(g)
                              : std::isinf(e)      ? g == e
                                                   : std::abs(g - e) <= atol * largest + rtol * std::abs(e);
            if (good) continue;
            std::ostringstream text;
            text.precision(17);
            text << name << "[" << i << "] is " << g << ", expected " << e << " (" << scalar << ", largest " << largest << ")";
            return differs(text.str());
        }
        return true;
    }
    const std::vector<std::string>& differences() const { return differences_; }
    /// Tensors that were compared.
    int compared() const { return compared_; }
    /// Says what went wrong in a case that cannot go on.
    bool differs(std::string what) {
        differences_.push_back(std::move(what));
        return false;
    }

private:
    const Stored& stored(const std::string& name) const { return entry_.file->at(id + "/" + name); }
    template <class X>
    static std::vector<Index> shape_of(const X& x) {
        std::vector<Index> shape;
        for (const Index extent : x.dimensions()) shape.push_back(extent);
        return shape;
    }
    static std::vector<Index> shape_of(const deeprec::Shape& x) {
        std::vector<Index> shape;
        for (int axis = 0; axis < x.rank(); ++axis) shape.push_back(x[axis]);
        return shape;
    }
    void load_list(const deeprec::ParameterList<T>& list, const Rename& rename) const {
        std::set<std::string> left;
        for (const std::string& name : names("param")) left.insert(name);
        for (const deeprec::Parameter<T>& p : list) {
            if (p.is_state()) continue;
            const std::string name = rename(p.path);
            if (left.erase(name) == 0) throw std::runtime_error("oracle: " + id + " has no (second) parameter " + name);
            const std::vector<T> all = values("param/" + name);
            if (shape("param/" + name) != shape_of(p.shape))
                throw std::runtime_error("oracle: " + id + ": the layer has another shape of " + name);
            std::copy(all.begin(), all.end(), p.values);
        }
        if (!left.empty()) throw std::runtime_error("oracle: " + id + ": the layer has no parameter " + *left.begin());
    }
    const Entry& entry_;
    std::vector<std::string> differences_;
    int compared_ = 0;
};

namespace detail {
template <class T>
void run_once(const Entry& entry, bool statistical, deeprec::FunctionRef<void(Case<T>&)> test, std::string& failure) {
    Case<T> c(entry);
    test(c);
    for (const std::string& difference : c.differences()) failure += "\n  " + difference;
    if (!statistical && c.compared() == 0 && c.differences().empty()) throw Incomplete{"nothing to compare"};
}
inline void run_cases(const std::string& group_name, const std::string& op, bool statistical,
                      deeprec::FunctionRef<void(Case<double>&)> in_double,
                      deeprec::FunctionRef<void(Case<float>&)> in_float) {
    int ran = 0;
    for (const Entry& entry : group(group_name)) {
        if (entry.manifest.at("op") != op) continue;
        ++ran;
        std::string failure, reason;
        try {
            run_once<double>(entry, statistical, in_double, failure);
            run_once<float>(entry, statistical, in_float, failure);
        } catch (const NotApplicable& n) {
            reason = op + ": " + n.reason;
        } catch (const Incomplete& i) {
            (entry.where == "copy" ? failure : reason) += op + ": " + i.reason;
        } catch (const Json::exception& error) {
            (entry.where == "copy" ? failure : reason) += op + ": " + error.what();
        } catch (const std::exception& error) {
            failure += std::string("\n  ") + error.what();
        }
        if (!failure.empty()) {
            Tally::get().failed(entry);
            FAIL_CHECK(entry.where << "/" << entry.id() << " " << entry.manifest.value("config", Json::object()).dump()
                                   << failure);
        } else if (!reason.empty()) {
            Tally::get().not_applicable(entry, reason);
        } else {
            Tally::get().passed(entry);
        }
    }
    INFO(group_name << "/" << op);
    CHECK(ran > 0);
}
}  // namespace detail

/// Calls `test.operator()<T>(Case<T>&)` for all cases of a group with this op, in float and in double. `statistical`
/// tests compare nothing by the case's tolerance.
template <class Test>
void run(const std::string& group_name, const std::string& op, Test&& test, bool statistical = false) {
    detail::run_cases(
        group_name, op, statistical, [&](Case<double>& c) { test.template operator()<double>(c); },
        [&](Case<float>& c) { test.template operator()<float>(c); });
}

/// The activations that act on each number.
using Elementwise =
    std::variant<deeprec::Linear, deeprec::ReLU, deeprec::Sigmoid, deeprec::Tanh, deeprec::HardSigmoid, deeprec::ReLU6,
                 deeprec::LeakyReLU, deeprec::ELU, deeprec::SELU, deeprec::Gelu, deeprec::GeluTanh, deeprec::Swish,
                 deeprec::Softplus, deeprec::Softsign, deeprec::Exponential>;

/// The activation that `config[key]` names, with its number.
inline Elementwise elementwise(const Config& config, const std::string& key, const std::string& fallback) {
    std::string name = config.value(key, fallback);
    if (name == "silu") name = "swish";
    if (name == "leaky_relu") return deeprec::LeakyReLU{config.value("negative_slope", 0.2)};
    if (name == "elu") return deeprec::ELU{config.value("alpha", 1.0)};
    Elementwise found;
    bool known = false;
    const auto look = [&]<class Activation>(Activation activation) {
        if (name != Activation::name) return;
        found = activation;
        known = true;
    };
    [&]<class... Activation>(std::variant<Activation...>*) { (look(Activation{}), ...); }(&found);
    if (!known) throw NotApplicable{"activation " + name};
    return found;
}
/// Calls f with the activation that `config[key]` names.
template <class F>
void with_activation(const Config& config, const std::string& key, F&& f) {
    if (config.value(key, "linear") == "softmax") return f(deeprec::softmax);
    std::visit(f, elementwise(config, key, "linear"));
}
/// An activation that is chosen when the program runs: for layers that are compiled anew for each, as recurrent ones.
template <int Place>
struct Chosen {
    static constexpr std::string_view name = "chosen";
    static constexpr bool needs_input = true;
    inline static Elementwise function;
    template <class V>
    V operator()(const V& x) const {
        return std::visit([&](const auto& f) { return f(x); }, function);
    }
    template <class V>
    V derivative(const V& x) const {
        return std::visit(
            [&]<class Function>(const Function& f) { return f.derivative(Function::needs_input ? x : f(x)); },
            function);
    }
};

inline deeprec::Padding padding(const Config& config) {
    const std::string name = config.value("padding", "valid");
    if (name == "valid") return deeprec::Padding::valid;
    if (name == "same") return deeprec::Padding::same;
    if (name == "causal") return deeprec::Padding::causal;
    throw NotApplicable{"padding " + name};
}
/// The shape of one sample of x.
template <class X>
deeprec::Shape sample_shape(const X& x) {
    deeprec::Shape sample;
    for (int axis = 1; axis < deeprec::rank_of<X>; ++axis) sample.push_back(x.dimension(axis));
    return sample;
}

/// Builds the layer or model for x, loads its parameters and compares out/y, every gradient and the inference result.
/// `rename` gives the case's name of a parameter, `gradient_of_x` that of dL/dx, which ids do not have.
template <class T, class L, class X>
void check_layer(Case<T>& c, L& layer, const X& x, const Rename& rename = same_name,
                 const std::string& gradient_of_x = "grad/x") {
    const auto v = deeprec::view(x);
    layer.build(sample_shape(v), deeprec::Seed{1});
    c.load(layer, rename);
    typename L::Cache cache;
    auto gradients = layer.zero_gradients();
    const auto y = layer.forward(v, cache, deeprec::Training{});
    c.close("out/y", y);
    if (c.has("up/y")) {
        const auto up = c.template tensor<deeprec::rank_of<decltype(y)>>("up/y");
        const auto dx = layer.backward(up, cache, gradients);
        if constexpr (!std::is_same_v<std::remove_const_t<decltype(dx)>, deeprec::NoGradient>)
            c.close_if(gradient_of_x, dx);
        c.close_gradients(deeprec::parameter_list(layer, gradients), rename);
    }
    typename L::Cache inference;
    c.close("out/y", layer.forward(v, inference));
}

}  // namespace oracle
