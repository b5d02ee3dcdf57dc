// ONNX Runtime's column. Packages for users of other languages hold its library alone, without headers, so what is
// needed of the C interface is reached by its place in the function table, which never changes; models are written
// here, in the few messages of ONNX's protobuf format that they take. Arguments: LIBRARY, then as the other programs.
#include <dlfcn.h>

#include <cstring>
#include <deque>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "workloads.hpp"

using peers::Numbers;
using peers::Runner;

namespace {

// ---- ONNX, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto: a message is fields of (number, value)

class Message {
public:
    Message& integer(unsigned field, std::uint64_t value) {
        varint(field << 3);
        varint(value);
        return *this;
    }
    Message& text(unsigned field, const std::string& value) {
        varint(field << 3 | 2);
        varint(value.size());
        bytes_ += value;
        return *this;
    }
    Message& message(unsigned field, const Message& value) { return text(field, value.bytes_); }
    const std::string& bytes() const { return bytes_; }

private:
    void varint(std::uint64_t value) {
        for (; value >= 128; value >>= 7) bytes_ += static_cast<char>((value & 127) | 128);
        bytes_ += static_cast<char>(value);
    }
    std::string bytes_;
};

using Dims = std::vector<std::int64_t>;
enum Element { float32 = 1, int64 = 7 };

/// A graph with inputs, constants and nodes; its result is "y".
class Graph {
public:
    void input(const std::string& name, Element element, const Dims& dims) {
        graph_.message(11, value(name, element, dims));
    }
    template <class T, class Allocator>
    std::string constant(const std::string& name, const std::vector<T, Allocator>& values, const Dims& dims) {
        Message tensor;
        for (const auto d : dims) tensor.integer(1, static_cast<std::uint64_t>(d));
        tensor.integer(2, std::is_same_v<T, float> ? float32 : int64).text(8, name);
        tensor.text(9, std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
        graph_.message(5, tensor);
        return name;
    }
    /// Returns the last of `outputs`; "" is one that nobody wants. Attributes are integers, or lists of them.
    std::string node(const std::string& operation, const std::vector<std::string>& inputs,
                     const std::vector<std::string>& outputs,
                     const std::vector<std::pair<std::string, Dims>>& lists = {},
                     const std::vector<std::pair<std::string, std::int64_t>>& integers = {}) {
        Message node;
        for (const auto& name : inputs) node.text(1, name);
        for (const auto& name : outputs) node.text(2, name);
        node.text(4, operation);
        for (const auto& [name, list] : lists) {
            Message attribute;
            attribute.text(1, name).integer(20, 7);
            for (const auto i : list) attribute.integer(8, static_cast<std::uint64_t>(i));
            node.message(5, attribute);
        }
        for (const auto& [name, i] : integers)
            node.message(5, Message().text(1, name).integer(3, static_cast<std::uint64_t>(i)).integer(20, 2));
        graph_.message(1, node);
        return outputs.back();
    }
    std::string model() const {
        Message graph = graph_;
        graph.text(2, "graph")
            .message(12, Message().text(1, "y").message(2, Message().message(1, Message().integer(1, float32))));
        return Message().integer(1, 8).message(7, graph).message(8, Message().text(1, "").integer(2, 13)).bytes();
    }

private:
    static Message value(const std::string& name, Element element, const Dims& dims) {
        Message shape;
        for (const auto d : dims) shape.message(1, Message().integer(1, static_cast<std::uint64_t>(d)));
        return Message().text(1, name).message(2,
                                               Message().message(1, Message().integer(1, element).message(2, shape)));
    }
    Message graph_;
};

// ---- The C interface: places in the table of functions, version 16

enum Place {
    error_message = 2,
    create_env = 3,
    create_session_from_array = 8,
    run_session = 9,
    create_options = 10,
    set_threads = 24,
    create_tensor = 49,
    tensor_data = 51,
    create_memory_info = 69,
    release_value = 96
};

class Runtime {
public:
    Runtime(const char* library, int thread_count) : threads(thread_count) {
        void* const handle = dlopen(library, RTLD_NOW);
        if (!handle) throw std::runtime_error(dlerror());
        struct Base {
            const void* const* (*table)(std::uint32_t);
            const char* (*version)();
        };
        const auto base = reinterpret_cast<const Base* (*)()>(dlsym(handle, "OrtGetApiBase"));
        if (!base || !(table_ = base()->table(16)))
            throw std::runtime_error("no ONNX Runtime of version 1.16 or later");
        call(create_env, 3, "peers", &env);
        call(create_memory_info, 0, 0, &memory);
    }
    template <class R = void*, class... Arguments>
    R function(Place place, Arguments... arguments) const {
        return reinterpret_cast<R (*)(Arguments...)>(const_cast<void*>(table_[place]))(arguments...);
    }
    /// For functions that return a status.
    template <class... Arguments>
    void call(Place place, Arguments... arguments) const {
        if (const void* status = function(place, arguments...))
            throw std::runtime_error(function<const char*>(error_message, status));
    }
    int threads;
    void *env = nullptr, *memory = nullptr;

private:
    const void* const* table_ = nullptr;
};

class Session {
public:
    Session(const Runtime& runtime, const Graph& graph) : runtime_(runtime) {
        void* options = nullptr;
        runtime.call(create_options, &options);
        runtime.call(set_threads, options, runtime.threads);
        const std::string model = graph.model();
        runtime.call(create_session_from_array, runtime.env, model.data(), model.size(), options, &session_);
    }
    template <class T, class Allocator>
    void input(const char* name, const std::vector<T, Allocator>& values, const Dims& dims) {
        const std::size_t bytes = values.size() * sizeof(T);
        const char* const first = reinterpret_cast<const char*>(values.data());
        memory_.emplace_back(first, first + bytes);
        void* tensor = nullptr;
        runtime_.call(create_tensor, runtime_.memory, static_cast<void*>(memory_.back().data()), bytes, dims.data(),
                      dims.size(), int{std::is_same_v<T, float> ? float32 : int64}, &tensor);
        tensors_.push_back(tensor);
        names_.push_back(name);
    }
    /// use(numbers of y).
    template <class F>
    auto run(F&& use) const {
        const char* output = "y";
        void *y = nullptr, *data = nullptr;
        runtime_.call(run_session, session_, static_cast<void*>(nullptr), names_.data(), tensors_.data(), names_.size(),
                      &output, std::size_t{1}, &y);
        runtime_.call(tensor_data, y, &data);
        const auto result = use(static_cast<const float*>(data));
        runtime_.function<void>(release_value, y);
        return result;
    }

private:
    const Runtime& runtime_;
    void* session_ = nullptr;
    std::deque<std::vector<char, peers::Aligned<char>>> memory_;
    std::vector<void*> tensors_;
    std::vector<const char*> names_;
};

/// Times a session; `check(y)` is its check value.
template <class Check>
void time(const Runner& run, const std::string& name, peers::Cost cost, const Session& session, const Check& check,
          const std::string& variant = "") {
    run.run(
        name, cost, session.run(check),
        [&] {
            session.run([](const float* y) {
                peers::keep(y[0]);
                return 0;
            });
        },
        variant);
}
auto sum_of(int n) {
    return [n](const float* y) { return peers::sum(y, static_cast<std::size_t>(n)); };
}

// ---- Models. ONNX has convolutions over [batch, features, steps] with kernels [out, in, window], and an LSTM over
// [steps, batch, features] with gates i, o, f, c in rows: inputs and weights come in these layouts.

/// x [a, b, c] -> [a, c, b] or, `outer`, [b, a, c].
Numbers swapped(const Numbers& x, int a, int b, int c, bool outer) {
    Numbers y(x.size());
    for (int i = 0; i < a; ++i)
        for (int j = 0; j < b; ++j)
            for (int k = 0; k < c; ++k)
                y[static_cast<std::size_t>(outer ? (j * a + i) * c + k : (i * c + k) * b + j)] =
                    x[static_cast<std::size_t>((i * b + j) * c + k)];
    return y;
}
std::string convolution(Graph& g, const std::string& x, const std::string& name, const std::string& y) {
    const Numbers w = peers::weights(name + ".w", peers::window * peers::features, peers::channels);
    const Numbers by_output = swapped(w, 1, peers::window * peers::features, peers::channels, false);
    const Numbers kernel = swapped(by_output, peers::channels, peers::window, peers::features, false);
    return g.node("Conv",
                  {x, g.constant(name + ".w", kernel, {peers::channels, peers::features, peers::window}),
                   g.constant(name + ".b", peers::biases(name + ".b", peers::channels), {peers::channels})},
                  {y});
}
/// [rows, 4 units] with gates i, f, c, o -> [4 units, rows] with gates i, o, f, c.
Numbers gate_rows(const Numbers& w, int rows) {
    const Numbers by_gate = swapped(w, rows, 4, peers::units, true);
    const auto one = static_cast<std::ptrdiff_t>(rows) * peers::units;
    Numbers y;
    for (const int gate : {0, 3, 1, 2}) {
        const Numbers part(by_gate.begin() + gate * one, by_gate.begin() + (gate + 1) * one);
        const Numbers transposed = swapped(part, 1, rows, peers::units, false);
        y.insert(y.end(), transposed.begin(), transposed.end());
    }
    return y;
}
std::string lstm(Graph& g, const std::string& x, const std::string& name, int inputs,
                 const std::vector<std::string>& outputs) {
    constexpr int units = peers::units, gates = 4 * units;
    Numbers bias = gate_rows(peers::biases(name + ".b", gates), 1);
    bias.resize(2 * gates);
    return g.node(
        "LSTM",
        {x, g.constant(name + ".w", gate_rows(peers::weights(name + ".w", inputs, gates), inputs), {1, gates, inputs}),
         g.constant(name + ".u", gate_rows(peers::weights(name + ".u", units, gates), units), {1, gates, units}),
         g.constant(name + ".b", bias, {1, 2 * gates})},
        outputs, {}, {{"hidden_size", units}});
}
std::string tower(Graph& g, const peers::Model& m, const std::string& name, int samples) {
    const int steps = name == "user" ? peers::user_steps : peers::item_steps;
    std::string x = name;
    const Dims dims = m.rnn ? Dims{steps, samples} : Dims{samples, steps};
    if (m.ids) {
        g.input(name, int64, dims);
        const auto table =
            g.constant(name + ".e", peers::numbers(std::size_t{peers::vocabulary} * peers::features, name + ".e"),
                       {peers::vocabulary, peers::features});
        x = g.node("Gather", {table, name}, {name + ".look"});
        if (!m.rnn) x = g.node("Transpose", {x}, {name + ".swap"}, {{"perm", {0, 2, 1}}});
    } else {
        g.input(name, float32, m.rnn ? Dims{steps, samples, peers::features} : Dims{samples, peers::features, steps});
    }
    if (m.rnn) {
        x = lstm(g, x, name + ".l1", peers::features, {name + ".h1"});
        x = g.node("Squeeze", {x, g.constant(name + ".axis1", Dims{1}, {1})}, {name + ".s1"});
        x = lstm(g, x, name + ".l2", peers::units, {"", name + ".last"});
        return g.node("Squeeze", {x, g.constant(name + ".axis0", Dims{0}, {1})}, {name + ".vector"});
    }
    for (const std::string layer : {".c1", ".c2"}) {
        x = g.node("Relu", {convolution(g, x, name + layer, name + layer + ".conv")}, {name + layer + ".relu"});
        x = g.node("MaxPool", {x}, {name + layer + ".pool"}, {{"kernel_shape", {2}}, {"strides", {2}}});
    }
    return g.node("Flatten", {x}, {name + ".vector"});
}
std::string dense(Graph& g, const std::string& x, const std::string& name, const Numbers& kernel, const Numbers& bias,
                  int inputs, int outputs, const std::string& y) {
    return g.node(
        "Gemm", {x, g.constant(name + ".w", kernel, {inputs, outputs}), g.constant(name + ".b", bias, {outputs})}, {y});
}
Graph model_graph(const peers::Model& m, int samples) {
    Graph g;
    std::string x = tower(g, m, "user", samples);
    if (m.two_towers) x = g.node("Concat", {x, tower(g, m, "item", samples)}, {"joined"}, {}, {{"axis", 1}});
    const int inputs = peers::head_width(m);
    Numbers kernel = peers::weights("d1.w", inputs, peers::hidden);
    if (!m.rnn) {  // rows in the order of Flatten on [features, steps]
        auto row = kernel.begin();
        for (const int steps : {peers::user_steps, peers::item_steps}) {
            if (row == kernel.end()) break;
            const auto end = row + std::ptrdiff_t{peers::tower_width(m, steps)} * peers::hidden;
            const Numbers part =
                swapped(Numbers(row, end), peers::cnn_steps(steps), peers::channels, peers::hidden, true);
            row = std::copy(part.begin(), part.end(), row);
        }
    }
    x = g.node("Relu", {dense(g, x, "d1", kernel, peers::biases("d1.b", peers::hidden), inputs, peers::hidden, "h")},
               {"r"});
    g.node("Sigmoid", {dense(g, x, "d2", peers::weights("d2.w", peers::hidden, 1), {0.f}, peers::hidden, 1, "z")},
           {"y"});
    return g;
}
void run_models(const Runner& run, const Runtime& runtime) {
    for (const peers::Model& m : peers::models)
        for (const int samples : {1, 32, 256}) {
            const std::string name = "infer_" + m.name + "_b" + std::to_string(samples);
            if (!run.wants(name)) continue;
            Session session(runtime, model_graph(m, samples));
            for (const char* side : {"user", "item"}) {
                if (!m.two_towers && side[0] == 'i') break;
                const int steps = side[0] == 'u' ? peers::user_steps : peers::item_steps;
                const auto n = static_cast<std::size_t>(samples) * static_cast<std::size_t>(steps);
                if (m.ids) {
                    const auto ids = peers::ids(n, peers::vocabulary, side + std::string(".ids"));
                    Dims x(ids.begin(), ids.end());
                    if (m.rnn)
                        for (int i = 0; i < samples; ++i)
                            for (int t = 0; t < steps; ++t)
                                x[static_cast<std::size_t>(t * samples + i)] =
                                    ids[static_cast<std::size_t>(i * steps + t)];
                    session.input(side, x, m.rnn ? Dims{steps, samples} : Dims{samples, steps});
                } else {
                    const Numbers x = peers::numbers(n * peers::features, side + std::string(".x"));
                    session.input(
                        side, swapped(x, samples, steps, peers::features, m.rnn),
                        m.rnn ? Dims{steps, samples, peers::features} : Dims{samples, peers::features, steps});
                }
            }
            time(run, name, {peers::model_cost(m, false).flops * samples}, session, sum_of(samples));
        }
}

// ---- Layers alone, elementwise functions, ranking

void run_layers(const Runner& run, const Runtime& runtime) {
    constexpr int n = peers::batch, steps = peers::user_steps, features = peers::features, units = peers::units;
    const Numbers x = peers::numbers(std::size_t{n} * steps * features, "k.x");
    if (run.wants("conv1d_fwd")) {
        Graph g;
        g.input("x", float32, {n, features, steps});
        convolution(g, "x", "k.c", "y");
        Session session(runtime, g);
        session.input("x", swapped(x, n, steps, features, false), {n, features, steps});
        const int outputs = n * peers::convolved(steps) * peers::channels;
        time(run, "conv1d_fwd", {2.0 * outputs * peers::window * features}, session, sum_of(outputs));
    }
    for (const int samples : {n, 1}) {
        const std::string name = samples == 1 ? "lstm_fwd_b1" : "lstm_fwd";
        if (!run.wants(name)) continue;
        Graph g;
        g.input("x", float32, {steps, samples, features});
        lstm(g, "x", "k.l", features, {"y"});
        Session session(runtime, g);
        session.input("x",
                      swapped(Numbers(x.begin(), x.begin() + std::ptrdiff_t{samples} * steps * features), samples,
                              steps, features, true),
                      {steps, samples, features});
        time(run, name, {2.0 * samples * steps * (features + units) * 4 * units}, session,
             sum_of(samples * steps * units));
    }
    if (run.wants("dense_fwd")) {
        constexpr int width = peers::dense_width;
        Graph g;
        g.input("x", float32, {n, width});
        dense(g, "x", "k.d", peers::weights("k.d", width, width), Numbers(width), width, width, "y");
        Session session(runtime, g);
        session.input("x", peers::numbers(std::size_t{n} * width, "k.xd"), {n, width});
        time(run, "dense_fwd", {2.0 * n * width * width}, session,
             [](const float* y) { return peers::sum_abs(y, std::size_t{n} * width); });
    }
}
void run_elementwise(const Runner& run, const Runtime& runtime) {
    for (const auto& [name, operation] : {std::pair{"ew_exp", "Exp"},
                                          {"ew_sigmoid", "Sigmoid"},
                                          {"ew_tanh", "Tanh"},
                                          {"ew_relu", "Relu"},
                                          {"ew_softmax", "Softmax"}}) {
        if (!run.wants(name)) continue;
        const Dims dims{peers::elements / peers::row_length, peers::row_length};
        Graph g;
        g.input("x", float32, dims);
        g.node(operation, {"x"}, {"y"});
        Session session(runtime, g);
        session.input("x", peers::numbers(peers::elements, "ew", -4, 4), dims);
        time(run, name, {0, 8.0 * peers::elements, peers::Traffic::cache}, session, sum_of(peers::elements));
    }
}
void run_top_k(const Runner& run, const Runtime& runtime) {
    if (!run.wants("rank_1M")) return;
    constexpr std::int64_t n = peers::scanned_items, depth = peers::width;
    Graph g;
    g.input("x", float32, {depth, 1});
    const auto items = g.constant("items", peers::numbers(n * depth, "items"), {n, depth});
    const auto scores = g.node("MatMul", {items, "x"}, {"scores"});
    g.node("TopK", {scores, g.constant("k", Dims{peers::best}, {1})}, {"y", "places"}, {}, {{"axis", 0}});
    Session session(runtime, g);
    session.input("x", peers::numbers(depth, "u"), {depth, 1});
    time(run, "rank_1M", {2.0 * n * depth, 4.0 * n * depth, peers::Traffic::read}, session,
         [](const float* y) { return static_cast<double>(y[peers::best - 1]); });
}
/// As it stands; with the user's half of the product made once a request; with that of the items made in advance too.
void run_concat_head(const Runner& run, const Runtime& runtime) {
    if (!run.wants("mlp_100k")) return;
    constexpr int n = peers::scored_items, depth = peers::vector_width, hidden = peers::hidden;
    const Numbers kernel = peers::weights("m.w1", 2 * depth, hidden), bias = peers::biases("m.b1", hidden);
    const auto middle = kernel.begin() + std::ptrdiff_t{depth} * hidden;
    const Numbers user_kernel(kernel.begin(), middle), item_kernel(middle, kernel.end());
    const Numbers items = peers::numbers(std::size_t{n} * depth, "m.items");
    Numbers item_terms(std::size_t{n} * hidden);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < depth; ++k)
            for (std::size_t j = 0; j < hidden; ++j)
                item_terms[i * hidden + j] += items[i * depth + k] * item_kernel[k * hidden + j];
    for (const std::string way : {"", "-split", "-cached"}) {
        const int item_width = way == "-cached" ? hidden : depth;
        Graph g;
        g.input("user", float32, {1, depth});
        g.input("items", float32, {n, item_width});
        if (way.empty()) {
            const auto users = g.node("Expand", {"user", g.constant("shape", Dims{n, depth}, {2})}, {"users"});
            const auto joined = g.node("Concat", {users, "items"}, {"joined"}, {}, {{"axis", 1}});
            dense(g, joined, "m1", kernel, bias, 2 * depth, hidden, "h");
        } else {
            const auto u = dense(g, "user", "wu", user_kernel, bias, depth, hidden, "u");
            const auto wv = g.constant("wv", item_kernel, {depth, hidden});
            g.node("Add", {way == "-cached" ? "items" : g.node("MatMul", {"items", wv}, {"v"}), u}, {"h"});
        }
        const auto w2 = g.constant("w2", peers::weights("m.w2", hidden, 1), {hidden, 1});
        g.node("MatMul", {g.node("Relu", {"h"}, {"r"}), w2}, {"y"});
        Session session(runtime, g);
        session.input("user", peers::numbers(depth, "m.u"), {1, depth});
        session.input("items", way == "-cached" ? item_terms : items, {n, item_width});
        time(
            run, "mlp_100k", {2.0 * n * hidden, 4.0 * n * hidden, peers::Traffic::read}, session,
            [](const float* y) { return static_cast<double>(y[0]); }, way);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: peer_onnxruntime LIBRARY [THREADS [WORKLOAD...]]\n", stderr);
        return 2;
    }
    const Runner run("onnxruntime", argc - 1, argv + 1);
    const Runtime runtime(argv[1], run.threads());
    run_models(run, runtime);
    run_layers(run, runtime);
    run_elementwise(run, runtime);
    run_top_k(run, runtime);
    run_concat_head(run, runtime);
}
