// libtorch's column: models and layers as its users write them. Its convolutions take [batch, features, steps], so
// inputs come in that layout and the kernel of the first Dense layer has its rows in the order of their Flatten.
#include "libtorch.hpp"

using peers::Numbers;
using peers::Runner;
using torch::Tensor;

namespace {

double total(const Tensor& x) { return x.sum().item<double>(); }

// ---- Models

nn::Conv1d convolution(const std::string& name, int taps = peers::window, int filters = peers::channels) {
    nn::Conv1d layer(nn::Conv1dOptions(peers::features, filters, taps));
    const Numbers w = peers::weights(name + ".w", taps * peers::features, filters);
    assign(layer->weight, tensor(w, {taps, peers::features, filters}).permute({2, 1, 0}));
    assign(layer->bias, tensor(peers::biases(name + ".b", filters), {filters}));
    return layer;
}
nn::LSTM lstm(const std::string& name, int inputs, int units = peers::units) {
    nn::LSTM layer(nn::LSTMOptions(inputs, units).batch_first(true));
    const int gates = 4 * units;
    auto parameters = layer->named_parameters();
    assign(parameters["weight_ih_l0"], tensor(peers::weights(name + ".w", inputs, gates), {inputs, gates}).t());
    assign(parameters["weight_hh_l0"],
           tensor(peers::weights(name + ".u", units, gates), {units, gates}).t());
    assign(parameters["bias_ih_l0"], tensor(peers::biases(name + ".b", gates), {gates}));
    assign(parameters["bias_hh_l0"], torch::zeros(gates));
    parameters["bias_hh_l0"].set_requires_grad(false);  // Keras has one bias, and Adam would move both
    return layer;
}
nn::Linear dense(const Tensor& kernel, const Tensor& bias) {
    nn::Linear layer(kernel.size(0), kernel.size(1));
    assign(layer->weight, kernel.t());
    assign(layer->bias, bias);
    return layer;
}

struct Tower : nn::Module {
    Tower(const peers::Model& model, const std::string& name) : m(model) {
        if (m.ids) {
            table = register_module("table", nn::Embedding(peers::vocabulary, peers::features));
            assign(table->weight, tensor(peers::numbers(std::size_t{peers::vocabulary} * peers::features, name + ".e"),
                                         {peers::vocabulary, peers::features}));
        }
        if (m.rnn) {
            lstm_1 = register_module("lstm_1", lstm(name + ".l1", peers::features));
            lstm_2 = register_module("lstm_2", lstm(name + ".l2", peers::units));
        } else {
            conv_1 = register_module("conv_1", convolution(name + ".c1"));
            conv_2 = register_module("conv_2", convolution(name + ".c2"));
        }
    }
    Tensor forward(Tensor x) {
        if (m.ids) x = m.rnn ? table->forward(x) : table->forward(x).transpose(1, 2);
        if (m.rnn) return std::get<0>(lstm_2->forward(std::get<0>(lstm_1->forward(x)))).select(1, -1);
        x = torch::max_pool1d(torch::relu(conv_1->forward(x)), 2);
        return torch::max_pool1d(torch::relu(conv_2->forward(x)), 2).flatten(1);
    }
    peers::Model m;
    nn::Embedding table{nullptr};
    nn::LSTM lstm_1{nullptr}, lstm_2{nullptr};
    nn::Conv1d conv_1{nullptr}, conv_2{nullptr};
};
struct Net : nn::Module {
    explicit Net(const peers::Model& m) : user(register_module("user", std::make_shared<Tower>(m, "user"))) {
        if (m.two_towers) item = register_module("item", std::make_shared<Tower>(m, "item"));
        const int inputs = peers::head_width(m);
        Tensor kernel = tensor(peers::weights("d1.w", inputs, peers::hidden), {inputs, peers::hidden});
        if (!m.rnn) {
            std::vector<Tensor> towers;
            std::int64_t begin = 0;
            for (const int steps : {peers::user_steps, peers::item_steps}) {
                if (begin == inputs) break;
                const std::int64_t rows = peers::tower_width(m, steps);
                towers.push_back(kernel.slice(0, begin, begin + rows)
                                     .view({peers::cnn_steps(steps), peers::channels, peers::hidden})
                                     .transpose(0, 1)
                                     .reshape({rows, peers::hidden}));
                begin += rows;
            }
            kernel = torch::cat(towers);
        }
        dense_1 =
            register_module("dense_1", dense(kernel, tensor(peers::biases("d1.b", peers::hidden), {peers::hidden})));
        dense_2 = register_module(
            "dense_2", dense(tensor(peers::weights("d2.w", peers::hidden, 1), {peers::hidden, 1}), torch::zeros(1)));
    }
    Tensor forward(const Tensor& users, const Tensor& items) {
        Tensor x = user->forward(users);
        if (item) x = torch::cat({x, item->forward(items)}, 1);
        return torch::sigmoid(dense_2->forward(torch::relu(dense_1->forward(x)))).squeeze(1);
    }
    std::shared_ptr<Tower> user, item;
    nn::Linear dense_1{nullptr}, dense_2{nullptr};
};
Tensor model_input(const peers::Model& m, int samples, const std::string& tower) {
    const int steps = tower == "user" ? peers::user_steps : peers::item_steps;
    const auto n = static_cast<std::size_t>(samples) * static_cast<std::size_t>(steps);
    if (m.ids) return tensor(peers::ids(n, peers::vocabulary, tower + ".ids"), {samples, steps});
    const Tensor x = tensor(peers::numbers(n * peers::features, tower + ".x"), {samples, steps, peers::features});
    return m.rnn ? x : x.transpose(1, 2).contiguous();
}
void run_models(const Runner& run) {
    for (const peers::Model& m : peers::models)
        for (const int samples : {1, 32, 256}) {
            const std::string end = m.name + "_b" + std::to_string(samples);
            const Tensor users = model_input(m, samples, "user"), items = model_input(m, samples, "item");
            const auto cost = [&](bool train) { return peers::Cost{peers::model_cost(m, train).flops * samples}; };
            if (run.wants("infer_" + end)) {
                const torch::InferenceMode guard;
                Net net(m);
                net.eval();
                run.run("infer_" + end, cost(false), total(net.forward(users, items)),
                        [&] { peers::keep(net.forward(users, items).data_ptr<float>()[0]); });
            }
            if (samples == 1 || !run.wants("train_" + end)) continue;
            Net net(m);
            torch::optim::Adam adam(net.parameters(), torch::optim::AdamOptions(1e-3));
            const Tensor y = tensor(peers::labels(samples), {samples});
            double loss = 0;
            const auto step = [&] {
                net.zero_grad(true);
                const Tensor l = torch::binary_cross_entropy(net.forward(users, items), y);
                l.backward();
                adam.step();
                loss = l.item<double>();
            };
            for (int i = 0; i < 3; ++i) step();
            run.run("train_" + end, cost(true), loss, step);
        }
}

// ---- Layers alone

/// `forward(x)` of a layer, and with backward from ones.
template <class Layer, class Forward>
void run_layer(const Runner& run, const std::string& name, double flops, Layer& layer, const Tensor& input,
               const Forward& forward) {
    if (run.wants(name + "_fwd")) {
        const torch::InferenceMode guard;
        const Tensor x = input.clone(), y = forward(x);
        run.run(name + "_fwd", {flops}, total(name == "dense" ? y.abs() : y),
                [&] { peers::keep(forward(x).template data_ptr<float>()[0]); });
    }
    if (!run.wants(name + "_fwdbwd")) return;
    Tensor x = input.clone().requires_grad_(true);
    const Tensor dy = torch::ones_like(forward(x));
    const auto step = [&] {
        x.mutable_grad() = Tensor();
        layer->zero_grad(true);
        forward(x).backward(dy);
    };
    step();
    double check = total(x.grad());
    for (const auto& p : layer->named_parameters())
        if (p.value().requires_grad()) check += total(p.value().grad());
    run.run(name + "_fwdbwd", {3 * flops}, check, step);
}
void run_layers(const Runner& run) {
    const Tensor x = tensor(peers::numbers(std::size_t{peers::batch} * peers::user_steps * peers::features, "k.x"),
                            {peers::batch, peers::user_steps, peers::features});
    const double conv_flops =
        2.0 * peers::batch * peers::convolved(peers::user_steps) * peers::window * peers::features * peers::channels;
    const double lstm_flops =
        2.0 * peers::batch * peers::user_steps * (peers::features + peers::units) * 4 * peers::units;
    auto conv = convolution("k.c");
    run_layer(run, "conv1d", conv_flops, conv, x.transpose(1, 2).contiguous(),
              [&](const Tensor& in) { return conv->forward(in); });
    auto recurrent = lstm("k.l", peers::features);
    const auto sequences = [&](const Tensor& in) { return std::get<0>(recurrent->forward(in)); };
    run_layer(run, "lstm", lstm_flops, recurrent, x, sequences);
    if (run.wants("lstm_fwd_b1")) {
        const torch::InferenceMode guard;
        const Tensor one = x.slice(0, 0, 1).clone();
        run.run("lstm_fwd_b1", {lstm_flops / peers::batch}, total(sequences(one)),
                [&] { peers::keep(sequences(one).data_ptr<float>()[0]); });
    }
    const Tensor odd = x.slice(0, 0, peers::odd_batch).clone();
    auto wide_conv = convolution("k.c5", peers::wide_taps, peers::wide_filters);
    run_layer(run, "conv5_b100", peers::wide_conv_flops, wide_conv, odd.transpose(1, 2).contiguous(),
              [&](const Tensor& in) { return wide_conv->forward(in); });
    auto wide_lstm = lstm("k.l256", peers::features, peers::wide_units);
    run_layer(run, "lstm256_b100", peers::wide_lstm_flops, wide_lstm, odd,
              [&](const Tensor& in) { return std::get<0>(wide_lstm->forward(in)); });
    constexpr std::int64_t n = peers::dense_width;
    auto layer = dense(tensor(peers::weights("k.d", n, n), {n, n}), torch::zeros(n));
    run_layer(run, "dense", 2.0 * peers::batch * n * n, layer,
              tensor(peers::numbers(std::size_t{peers::batch} * n, "k.xd"), {peers::batch, n}),
              [&](const Tensor& in) { return layer->forward(in); });
}

// ---- Embeddings: a batch of user histories

void run_embeddings(const Runner& run) {
    const double looked_up =
        4.0 * peers::batch * peers::user_steps * peers::features;  // bytes, the same rows each time
    for (const auto& [size, rows] : {std::pair{"20k", peers::vocabulary}, std::pair{"1M", peers::large_vocabulary}}) {
        const std::string name = std::string("emb_gather_") + size;
        const bool trains = rows > peers::vocabulary && run.wants("emb_sgd_1M");
        if (!run.wants(name) && !trains) continue;
        nn::Embedding table(nn::EmbeddingOptions(rows, peers::features).sparse(true));
        assign(table->weight,
               tensor(peers::numbers(static_cast<std::size_t>(rows) * peers::features, "e"), {rows, peers::features}));
        const Tensor x = tensor(peers::ids(std::size_t{peers::batch} * peers::user_steps, rows, "k.ids"),
                                {peers::batch, peers::user_steps});
        const auto first = [](const Tensor& y) { return static_cast<double>(y.data_ptr<float>()[0]); };
        const Tensor y = table->forward(x);
        if (run.wants(name)) {
            const torch::InferenceMode guard;
            run.run(name, {0, 2 * looked_up, peers::Traffic::cache},
                    peers::sum(y.data_ptr<float>(), static_cast<std::size_t>(y.numel())),
                    [&] { peers::keep(first(table->forward(x))); });
        }
        if (!trains) continue;
        torch::optim::SGD sgd(table->parameters(), torch::optim::SGDOptions(1e-2));
        const Tensor dy = torch::ones({peers::batch, peers::user_steps, peers::features});
        run.run("emb_sgd_1M", {0, 5 * looked_up, peers::Traffic::cache}, first(y), [&] {
            table->zero_grad(true);
            table->forward(x).backward(dy);
            sgd.step();
        });
    }
}

// ---- Elementwise functions, Adam, softmax cross-entropy, ranking

void run_elementwise(const Runner& run) {
    const torch::InferenceMode guard;
    const Tensor x = tensor(peers::numbers(peers::elements, "ew", -4, 4), {peers::elements}),
                 rows = x.view({-1, peers::row_length});
    Tensor y = torch::empty_like(x), z = torch::empty_like(rows);
    const auto function = [&](const char* name, const Tensor& result, const auto& f) {
        if (!run.wants(name)) return;
        f();
        run.run(name, {0, 8.0 * peers::elements, peers::Traffic::cache}, total(result), f);
    };
    function("ew_exp", y, [&] { torch::exp_out(y, x); });
    function("ew_sigmoid", y, [&] { torch::sigmoid_out(y, x); });
    function("ew_tanh", y, [&] { torch::tanh_out(y, x); });
    function("ew_relu", y, [&] { torch::clamp_min_out(y, x, 0); });
    function("ew_softmax", z, [&] { torch::softmax_out(z, rows, 1); });
}
void run_adam(const Runner& run) {
    if (!run.wants("adam_10M")) return;
    Tensor w = torch::zeros(peers::adam_weights).requires_grad_(true);
    w.mutable_grad() = tensor(peers::numbers(peers::adam_weights, "g"), {peers::adam_weights});
    torch::optim::Adam adam({w}, torch::optim::AdamOptions(1e-3));
    run.run("adam_10M", {12.0 * peers::adam_weights, 28.0 * peers::adam_weights, peers::Traffic::update}, NAN,
            [&] { adam.step(); });
}
void run_softmax_cross_entropy(const Runner& run) {
    if (!run.wants("full_softmax")) return;
    constexpr std::int64_t rows = peers::targets, classes = peers::items, depth = peers::width;
    auto layer = dense(tensor(peers::numbers(classes * depth, "fs.w", -.1f, .1f), {classes, depth}).t(),
                       tensor(peers::numbers(classes, "fs.b", -.1f, .1f), {classes}));
    Tensor h = tensor(peers::numbers(rows * depth, "fs.h"), {rows, depth}).requires_grad_(true);
    const Tensor target = tensor(peers::ids(rows, classes, "fs.t"), {rows});
    double loss = 0;
    const auto step = [&] {
        h.mutable_grad() = Tensor();
        layer->zero_grad(true);
        const Tensor l = nn::functional::cross_entropy(
            layer->forward(h), target, nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum));
        l.backward();
        loss = l.item<double>();
    };
    step();
    run.run("full_softmax", {6.0 * rows * depth * classes},
            loss + total(h.grad().abs()) + total(layer->weight.grad().abs()), step);
}
void run_top_k(const Runner& run) {
    if (!run.wants("rank_1M")) return;
    const torch::InferenceMode guard;
    constexpr std::int64_t n = peers::scanned_items, depth = peers::width;
    const Tensor items = tensor(peers::numbers(n * depth, "items"), {n, depth}),
                 query = tensor(peers::numbers(depth, "u"), {depth});
    const auto search = [&] {
        return std::get<0>(torch::topk(torch::mv(items, query), peers::best)).data_ptr<float>()[peers::best - 1];
    };
    run.run("rank_1M", {2.0 * n * depth, 4.0 * n * depth, peers::Traffic::read}, static_cast<double>(search()),
            [&] { peers::keep(search()); });
}
/// As it stands; with the user's half of the product made once a request; with that of the items made in advance too.
void run_concat_head(const Runner& run) {
    if (!run.wants("mlp_100k")) return;
    const torch::InferenceMode guard;
    constexpr std::int64_t n = peers::scored_items, depth = peers::vector_width;
    const Tensor kernel = tensor(peers::weights("m.w1", 2 * depth, peers::hidden), {2 * depth, peers::hidden});
    auto first = dense(kernel, tensor(peers::biases("m.b1", peers::hidden), {peers::hidden}));
    auto second = dense(tensor(peers::weights("m.w2", peers::hidden, 1), {peers::hidden, 1}), torch::zeros(1));
    const Tensor items = tensor(peers::numbers(n * depth, "m.items"), {n, depth}),
                 user = tensor(peers::numbers(depth, "m.u"), {1, depth});
    const peers::Cost cost{2.0 * n * peers::hidden, 4.0 * n * peers::hidden, peers::Traffic::read};
    const auto score = [&](const Tensor& hidden) { return second->forward(torch::relu(hidden)).data_ptr<float>()[0]; };
    const auto joined = [&] { return score(first->forward(torch::cat({user.expand({n, depth}), items}, 1))); };
    run.run("mlp_100k", cost, static_cast<double>(joined()), [&] { peers::keep(joined()); });
    const Tensor user_kernel = kernel.slice(0, 0, depth).contiguous(),
                 item_kernel = kernel.slice(0, depth).contiguous();
    const auto user_term = [&] { return torch::addmm(first->bias, user, user_kernel); };
    const auto split = [&] { return score(torch::addmm(user_term(), items, item_kernel)); };
    run.run(
        "mlp_100k", cost, static_cast<double>(split()), [&] { peers::keep(split()); }, "-split");
    const Tensor item_terms = torch::mm(items, item_kernel);
    const auto cached = [&] { return score(item_terms + user_term()); };
    run.run(
        "mlp_100k", cost, static_cast<double>(cached()), [&] { peers::keep(cached()); }, "-cached");
}

}  // namespace

int main(int argc, char** argv) {
    const Runner run("libtorch", argc, argv);
    torch::set_num_threads(run.threads());
    run_models(run);
    run_layers(run);
    run_embeddings(run);
    run_elementwise(run);
    run_adam(run);
    run_softmax_cross_entropy(run);
    run_top_k(run);
    run_concat_head(run);
    run_sequences(run);
}
