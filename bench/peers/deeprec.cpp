// deeprec's column.
#include <deeprec/deeprec.hpp>
#include <deeprec/kernels/ranking/softmax_cross_entropy.hpp>

#include "workloads.hpp"

using namespace deeprec;
using peers::Numbers;
using peers::Runner;

/// Training steps of sequence models (deeprec_sequences.cpp).
void run_sequences(const Runner& run, ThreadPool& pool);

namespace {

template <class Tensor, class Source>
void fill(Tensor& tensor, const Source& values) {
    if (static_cast<std::size_t>(tensor.size()) != values.size())
        throw ShapeError(message("expected ", tensor.size(), " numbers, received ", values.size()));
    std::copy(values.begin(), values.end(), tensor.data());
}
/// Sets all parameters, in the order in which they are visited.
template <class L>
void load(L& layer, const std::vector<Numbers>& values) {
    std::size_t i = 0;
    for_each_parameter(layer, [&](std::string_view, auto& parameter) { fill(parameter, values.at(i++)); });
}
template <class L>
double sum_of(const L& layer, typename L::Gradients& gradients) {
    double sum = 0;
    for (const auto& p : parameter_list(layer, gradients))
        if (p.gradient) sum += peers::sum(p.gradient, static_cast<std::size_t>(p.size()));
    return sum;
}

// ---- Models

std::vector<Numbers> conv_weights(const std::string& name, int taps = peers::window, int filters = peers::channels) {
    return {peers::weights(name + ".w", taps * peers::features, filters), peers::biases(name + ".b", filters)};
}
std::vector<Numbers> lstm_weights(const std::string& name, int inputs, int units = peers::units) {
    return {peers::weights(name + ".w", inputs, 4 * units), peers::weights(name + ".u", units, 4 * units),
            peers::biases(name + ".b", 4 * units)};
}
std::vector<Numbers> model_weights(const peers::Model& m) {
    std::vector<Numbers> all;
    const auto add = [&](const std::vector<Numbers>& more) { all.insert(all.end(), more.begin(), more.end()); };
    for (const std::string tower : {"user", "item"}) {
        if (tower == "item" && !m.two_towers) break;
        if (m.ids) add({peers::numbers(std::size_t{peers::vocabulary} * peers::features, tower + ".e")});
        add(m.rnn ? lstm_weights(tower + ".l1", peers::features) : conv_weights(tower + ".c1"));
        add(m.rnn ? lstm_weights(tower + ".l2", peers::units) : conv_weights(tower + ".c2"));
    }
    add({peers::weights("d1.w", peers::head_width(m), peers::hidden),
         peers::biases("d1.b", peers::hidden),
         peers::weights("d2.w", peers::hidden, 1),
         {0.f}});
    return all;
}

template <class Element>
auto model_input(Index samples, const std::string& tower) {
    const Index steps = tower == "user" ? peers::user_steps : peers::item_steps;
    const auto n = static_cast<std::size_t>(samples * steps);
    if constexpr (std::is_same_v<Element, float>) {
        Tensor<float, 3> x(samples, steps, peers::features);
        fill(x, peers::numbers(n * peers::features, tower + ".x"));
        return x;
    } else {
        Tensor<std::int32_t, 2> x(samples, steps);
        fill(x, peers::ids(n, peers::vocabulary, tower + ".ids"));
        return x;
    }
}

/// The samples in slices that the threads share, each with its own cache, as `predict` has them; a slice alone has the
/// pool for itself, as a request of `ItemIndex`.
template <class Model, class Inputs>
void inference(const Runner& run, const std::string& name, peers::Cost cost, const Model& model, const Inputs& x,
               ThreadPool& pool) {
    const Index samples = sample_count(x), rows = slice_rows(samples, pool.threads());
    const Index slices = (samples + rows - 1) / rows;
    std::vector<typename Model::Cache> caches(static_cast<std::size_t>(pool.threads()));
    const auto slice = [&](Index i, Index lane) {
        return model.forward(slice_samples(x, i * rows, std::min(samples, (i + 1) * rows)),
                             caches[static_cast<std::size_t>(lane)], Inference{slices == 1 ? &pool : nullptr});
    };
    double sum = 0;
    for (Index i = 0; i < slices; ++i) {
        const auto y = slice(i, 0);
        sum += peers::sum(y.data(), static_cast<std::size_t>(y.size()));
    }
    run.run(name, cost, sum,
            [&] { pool.run(slices, [&](Index i, Index lane) { peers::keep(slice(i, lane).data()[0]); }); });
}

/// Steps of Adam as PyTorch has it. The check value is the loss that the third step sees.
template <class Model, class Inputs>
void training(const Runner& run, const std::string& name, peers::Cost cost, Model model, const Inputs& x,
              ThreadPool& pool, Adam adam, const std::string& variant) {
    const Index samples = sample_count(x);
    const Numbers y = peers::labels(static_cast<int>(samples));
    const Batch<Inputs, float> batch{x, {y.data(), {samples, 1}}};
    Trainer<Model, BinaryCrossEntropy> trainer(model, BinaryCrossEntropy{}, pool);
    double loss = 0;
    const auto step = [&] {
        loss = trainer.gradient(model, batch, Seed{1}).mean();
        adam.step(trainer.list(), &pool);
        model.parameters_changed();
    };
    for (int i = 0; i < 3; ++i) step();
    run.run(name, cost, loss, step, variant);
}

/// `inputs(samples)` returns the tensors, `look(tensors)` what forward takes.
template <class Model, class MakeInputs, class Look>
void run_model(const Runner& run, const peers::Model& m, Model model, ThreadPool& pool, const MakeInputs& inputs,
               const Look& look) {
    const auto name = [&](const char* what, int samples) { return message(what, m.name, "_b", samples); };
    const auto cost = [&](int samples, bool train) {
        peers::Cost c = peers::model_cost(m, train);
        c.flops *= samples;
        return c;
    };
    load(model, model_weights(m));
    for (const int samples : {1, 32, 256}) {
        const auto x = inputs(samples);
        if (const auto n = name("infer_", samples); run.wants(n))
            inference(run, n, cost(samples, false), model, look(x), pool);
        const auto n = name("train_", samples);
        if (samples == 1 || !run.wants(n)) continue;
        const AdamOptions options{.epsilon = 1e-8, .rule = UpdateRule::torch};
        training(run, n, cost(samples, true), model, look(x), pool, Adam{options, TableStep::all_rows}, "");
        if (m.ids) training(run, n, cost(samples, true), model, look(x), pool, Adam{options}, "-sparse");
    }
}

template <class... Front>
auto cnn_tower(const Front&... front) {
    return Sequential{front..., Conv1D{64, 3, relu}, MaxPool1D{2}, Conv1D{64, 3, relu}, MaxPool1D{2}, Flatten{}};
}
template <class... Front>
auto rnn_tower(const Front&... front) {
    return Sequential{front..., LSTM{128, return_sequences}, LSTM{128}};
}

template <class Model>
void run_one_tower(const Runner& run, const peers::Model& m, Model model, ThreadPool& pool) {
    model.build({peers::user_steps, peers::features}, Seed{1});
    run_model(
        run, m, model, pool, [](int n) { return model_input<float>(n, "user"); },
        [](const auto& x) { return view(x); });
}
template <class Element, class Tower>
void run_two_towers(const Runner& run, const peers::Model& m, const Tower& tower, ThreadPool& pool) {
    TwoTower model{tower, tower, Sequential{Dense{100, relu}, Dense{1, sigmoid}}};
    if constexpr (std::is_same_v<Element, float>)
        model.build({{peers::user_steps, peers::features}, {peers::item_steps, peers::features}}, Seed{1});
    else
        model.build({{peers::user_steps}, {peers::item_steps}}, Seed{1});
    run_model(
        run, m, model, pool,
        [](int n) {
            return Pair{model_input<Element>(n, "user"), model_input<Element>(n, "item")};
        },
        [](const auto& x) {
            return Pair{view(x.user), view(x.item)};
        });
}
void run_models(const Runner& run, ThreadPool& pool) {
    const Embedding table{peers::vocabulary, peers::features};
    for (const peers::Model& m : peers::models) {
        bool wanted = false;
        for (const char* samples : {"_b1", "_b32", "_b256"})
            wanted |= run.wants("infer_" + m.name + samples) || run.wants("train_" + m.name + samples);
        if (!wanted) continue;
        if (!m.two_towers && !m.rnn)
            run_one_tower(run, m,
                          Sequential{Conv1D{64, 3, relu}, MaxPool1D{2}, Conv1D{64, 3, relu}, MaxPool1D{2}, Flatten{},
                                     Dense{100, relu}, Dense{1, sigmoid}},
                          pool);
        else if (!m.two_towers)
            run_one_tower(
                run, m, Sequential{LSTM{128, return_sequences}, LSTM{128}, Dense{100, relu}, Dense{1, sigmoid}}, pool);
        else if (!m.ids && !m.rnn)
            run_two_towers<float>(run, m, cnn_tower(), pool);
        else if (!m.ids)
            run_two_towers<float>(run, m, rnn_tower(), pool);
        else if (!m.rnn)
            run_two_towers<std::int32_t>(run, m, cnn_tower(table), pool);
        else
            run_two_towers<std::int32_t>(run, m, rnn_tower(table), pool);
    }
}

// ---- Layers alone, a thread taking its part of the batch

template <class Layer, int Rank>
void run_layer(const Runner& run, const std::string& name, double flops, Layer layer, const Tensor<float, Rank>& input,
               const std::vector<Numbers>& weights, ThreadPool& pool) {
    if (!run.wants(name + "_fwd") && !run.wants(name + "_fwdbwd")) return;
    const View<const float, Rank> x = view(input);
    Shape sample{x.extent(1)};
    if constexpr (Rank == 3) sample = {x.extent(1), x.extent(2)};
    layer.build(sample, Seed{1});
    load(layer, weights);

    const Index shards = std::min<Index>(pool.threads(), Shards::most_shards),
                rows = (x.extent(0) + shards - 1) / shards;
    std::vector<typename Layer::Cache> caches(static_cast<std::size_t>(shards));
    std::vector<typename Layer::Gradients> gradients(caches.size(), layer.zero_gradients());
    std::vector<double> sums(caches.size());
    std::vector<ParameterList<float>> lists;
    for (auto& gradient : gradients) lists.push_back(parameter_list(layer, gradient));
    detail::GradientSum<float> sum_gradients;
    const auto part = [&](Index i) { return x.slice(i * rows, std::min(x.extent(0), (i + 1) * rows)); };
    const auto first = layer.forward(x, caches[0]);
    const double sum = name == "dense" ? peers::sum_abs(first.data(), static_cast<std::size_t>(first.size()))
                                       : peers::sum(first.data(), static_cast<std::size_t>(first.size()));
    const Numbers ones(static_cast<std::size_t>(first.size()), 1.f);
    if (run.wants(name + "_fwd"))
        run.run(name + "_fwd", {flops}, sum, [&] {
            pool.run(shards, [&](Index i) {
                peers::keep(layer.forward(part(i), caches[static_cast<std::size_t>(i)]).data()[0]);
            });
        });
    double input_sum = 0;
    const auto step = [&](bool check) {
        pool.run(shards, [&](Index i) {
            auto& cache = caches[static_cast<std::size_t>(i)];
            auto& gradient = gradients[static_cast<std::size_t>(i)];
            clear_gradients(lists[static_cast<std::size_t>(i)]);
            const auto y = layer.forward(part(i), cache, Training{});
            const View<const float, std::decay_t<decltype(y)>::rank> dy{ones.data(), y.extents()};
            const auto dx = layer.backward(dy, cache, gradient);
            if (check) sums[static_cast<std::size_t>(i)] = peers::sum(dx.data(), static_cast<std::size_t>(dx.size()));
        });
        sum_gradients(lists, pool);
    };
    if (!run.wants(name + "_fwdbwd")) return;
    step(true);
    for (const double s : sums) input_sum += s;
    run.run(name + "_fwdbwd", {3 * flops}, input_sum + sum_of(layer, gradients[0]), [&] { step(false); });
}
void run_layers(const Runner& run, ThreadPool& pool) {
    Tensor<float, 3> x(peers::batch, peers::user_steps, peers::features);
    fill(x, peers::numbers(static_cast<std::size_t>(x.size()), "k.x"));
    const double conv =
        2.0 * peers::batch * peers::convolved(peers::user_steps) * peers::window * peers::features * peers::channels;
    const double lstm = 2.0 * peers::batch * peers::user_steps * (peers::features + peers::units) * 4 * peers::units;
    run_layer(run, "conv1d", conv, Conv1D{64, 3}, x, conv_weights("k.c"), pool);
    run_layer(run, "lstm", lstm, LSTM{128, return_sequences}, x, lstm_weights("k.l", peers::features), pool);
    if (run.wants("lstm_fwd_b1")) {
        LSTM layer{128, return_sequences};
        layer.build({peers::user_steps, peers::features}, Seed{1});
        load(layer, lstm_weights("k.l", peers::features));
        decltype(layer)::Cache cache;
        const auto y = layer.forward(view(x).slice(0, 1), cache);
        run.run("lstm_fwd_b1", {lstm / peers::batch}, peers::sum(y.data(), static_cast<std::size_t>(y.size())),
                [&] { peers::keep(layer.forward(view(x).slice(0, 1), cache, Inference{&pool}).data()[0]); });
    }
    const Tensor<float, 3> odd(View<const float, 3>(view(x)).slice(0, peers::odd_batch));
    run_layer(run, "conv5_b100", peers::wide_conv_flops, Conv1D{peers::wide_filters, peers::wide_taps}, odd,
              conv_weights("k.c5", peers::wide_taps, peers::wide_filters), pool);
    run_layer(run, "lstm256_b100", peers::wide_lstm_flops, LSTM{peers::wide_units, return_sequences}, odd,
              lstm_weights("k.l256", peers::features, peers::wide_units), pool);
    Tensor<float, 2> wide(peers::batch, peers::dense_width);
    fill(wide, peers::numbers(static_cast<std::size_t>(wide.size()), "k.xd"));
    run_layer(run, "dense", 2.0 * peers::batch * peers::dense_width * peers::dense_width, Dense{peers::dense_width},
              wide, {peers::weights("k.d", peers::dense_width, peers::dense_width), Numbers(peers::dense_width)}, pool);
}

// ---- Embeddings: a batch of user histories

void run_embeddings(const Runner& run, ThreadPool& pool) {
    const double looked_up =
        4.0 * peers::batch * peers::user_steps * peers::features;  // bytes, the same rows each time
    for (const auto& [size, rows] : {std::pair{"20k", peers::vocabulary}, std::pair{"1M", peers::large_vocabulary}}) {
        if (!run.wants(message("emb_gather_", size)) && !(rows > peers::vocabulary && run.wants("emb_sgd_1M")))
            continue;
        Sequential table{Embedding{rows, peers::features}};
        table.build({peers::user_steps}, Seed{1});
        load(table, {peers::numbers(static_cast<std::size_t>(rows) * peers::features, "e")});
        Tensor<std::int32_t, 2> x(peers::batch, peers::user_steps);
        fill(x, peers::ids(static_cast<std::size_t>(x.size()), rows, "k.ids"));
        if (const auto name = message("emb_gather_", size); run.wants(name))
            inference(run, name, {0, 2 * looked_up, peers::Traffic::cache}, table, view(x), pool);
        if (!(rows > peers::vocabulary && run.wants("emb_sgd_1M"))) continue;
        decltype(table)::Cache cache;
        const double check = table.forward(view(x), cache).data()[0];
        auto gradients = table.zero_gradients();
        SparseRows<float>& gradients_of_table = std::get<0>(gradients.layers).embeddings;
        const Numbers ones(static_cast<std::size_t>(x.size()) * peers::features, 1.f);
        SGD sgd{{.learning_rate = 1e-2}};
        run.run("emb_sgd_1M", {0, 5 * looked_up, peers::Traffic::cache}, check, [&] {
            gradients_of_table.setZero();
            table.forward(view(x), cache, Training{});
            table.backward(View<const float, 3>{ones.data(), {peers::batch, peers::user_steps, peers::features}}, cache,
                           gradients);
            sgd.step(table, gradients, &pool);
        });
    }
}

// ---- Elementwise functions, Adam, softmax cross-entropy, ranking

void run_elementwise(const Runner& run, ThreadPool& pool) {
    const Numbers x = peers::numbers(peers::elements, "ew", -4, 4);
    Numbers y(x.size());
    const peers::Cost cost{0, 8.0 * peers::elements, peers::Traffic::cache};
    const Index parts = pool.threads(), part = (peers::elements + parts - 1) / parts;
    const auto function = [&](const char* name, auto f) {
        if (!run.wants(name)) return;
        const auto all = [&] {
            pool.run(parts, [&](Index i) {
                const Index begin = i * part, n = std::min<Index>(part, peers::elements - begin);
                kernels::activate(x.data() + begin, y.data() + begin, n, f);
            });
        };
        all();
        run.run(name, cost, peers::sum(y.data(), y.size()), all);
    };
    function("ew_exp", exponential);
    function("ew_sigmoid", sigmoid);
    function("ew_tanh", Tanh{});
    function("ew_relu", relu);
    if (!run.wants("ew_softmax")) return;
    constexpr Index length = peers::row_length, rows = peers::elements / length;
    const auto softmax_rows = [&] {
        pool.run(parts, [&](Index i) {
            for (Index r = i * rows / parts; r < (i + 1) * rows / parts; ++r)
                softmax.row(x.data() + r * length, y.data() + r * length, length);
        });
    };
    softmax_rows();
    run.run("ew_softmax", cost, peers::sum(y.data(), y.size()), softmax_rows);
}
/// Parameters without a layer that packs them anew, as the peers' are.
struct Weights {
    using Scalar = float;
    using Gradients = Weights;
    Tensor<float, 1> values;
    void parameters_changed() {}
    void fields(Fields<float>& f, Gradients& g) { f.parameter("values", values, g.values); }
};
void run_adam(const Runner& run, ThreadPool& pool) {
    if (!run.wants("adam_10M")) return;
    Weights weights{Tensor<float, 1>(peers::adam_weights)}, gradients{Tensor<float, 1>(peers::adam_weights)};
    weights.values.setZero();
    fill(gradients.values, peers::numbers(peers::adam_weights, "g"));
    Adam adam;
    run.run("adam_10M", {12.0 * peers::adam_weights, 28.0 * peers::adam_weights, peers::Traffic::update}, NAN,
            [&] { adam.step(weights, gradients, &pool); });
}
void run_softmax_cross_entropy(const Runner& run, ThreadPool& pool) {
    if (!run.wants("full_softmax")) return;
    constexpr Index rows = peers::targets, classes = peers::items, depth = peers::width;
    const Numbers w = peers::numbers(classes * depth, "fs.w", -.1f, .1f),
                  b = peers::numbers(classes, "fs.b", -.1f, .1f), h = peers::numbers(rows * depth, "fs.h");
    const auto target = peers::ids(rows, classes, "fs.t");
    Numbers losses(rows), dh(h.size()), dw(w.size()), db(b.size());
    Buffer<float> scratch;
    const kernels::CatalogueScores<float> scores{h.data(), rows,  depth,    w.data(),      classes,
                                                 depth,    depth, b.data(), target.data(), nullptr};
    const kernels::CatalogueGradients<float> gradients{dh.data(), depth, dw.data(), depth, db.data()};
    const auto step = [&] {
        std::fill(dw.begin(), dw.end(), 0.f);
        std::fill(db.begin(), db.end(), 0.f);
        kernels::softmax_cross_entropy(scores, losses.data(), &gradients, scratch, &pool);
    };
    step();
    const double check = peers::sum(losses.data(), losses.size()) + peers::sum_abs(dh.data(), dh.size()) +
                         peers::sum_abs(dw.data(), dw.size());
    run.run("full_softmax", {6.0 * rows * depth * classes}, check, step);
}
void run_top_k(const Runner& run, ThreadPool& pool) {
    if (!run.wants("rank_1M")) return;
    constexpr Index n = peers::scanned_items, depth = peers::width;
    const Numbers items = peers::numbers(n * depth, "items"), query = peers::numbers(depth, "u");
    const auto measure = [&](const auto& search, const std::string& variant) {
        run.run(
            "rank_1M", {2.0 * n * depth, 4.0 * n * depth, peers::Traffic::read},
            static_cast<double>(search().back().score), [&] { peers::keep(search().back().score); }, variant);
    };
    measure([&] { return top_k_scan(query.data(), items.data(), n, depth, peers::best, AcceptAll{}, &pool); }, "");
    const QuantizedItems quantized{items.data(), n, depth, &pool};
    measure([&] { return quantized.top_k(query.data(), peers::best, AcceptAll{}, &pool); }, "-int8");
}
void run_concat_head(const Runner& run, ThreadPool& pool) {
    if (!run.wants("mlp_100k")) return;
    constexpr Index n = peers::scored_items, depth = peers::vector_width;
    TwoTower model{Sequential{Flatten{}}, Sequential{Flatten{}}, Sequential{Dense{100, relu}, Dense{1}}};
    model.build({{1, depth}, {1, depth}}, Seed{1});
    load(model, {peers::weights("m.w1", 2 * depth, peers::hidden),
                 peers::biases("m.b1", peers::hidden),
                 peers::weights("m.w2", peers::hidden, 1),
                 {0.f}});
    Tensor<float, 3> items(n, 1, depth), user(1, 1, depth);
    fill(items, peers::numbers(n * depth, "m.items"));
    fill(user, peers::numbers(depth, "m.u"));
    const ItemIndex index{model, items, {.threads = 1}};
    decltype(index)::Cache cache;
    const auto scores = [&] { return index.score(user, cache, &pool); };
    run.run("mlp_100k", {2.0 * n * peers::hidden, 4.0 * n * peers::hidden, peers::Traffic::read},
            static_cast<double>(scores()[0]), [&] { peers::keep(scores()[0]); });
}

}  // namespace

int main(int argc, char** argv) {
    const Runner run("deeprec", argc, argv);
    ThreadPool pool(run.threads());
    run_models(run, pool);
    run_layers(run, pool);
    run_embeddings(run, pool);
    run_elementwise(run, pool);
    run_adam(run, pool);
    run_softmax_cross_entropy(run, pool);
    run_top_k(run, pool);
    run_concat_head(run, pool);
    run_sequences(run, pool);
}
