// libtorch's column: training steps of sequence models.
#include <limits>

#include "libtorch.hpp"
#include "sequences.hpp"

using peers::Numbers;
using peers::Runner;
using torch::Tensor;

namespace {
constexpr std::int64_t width = peers::features;

Tensor weights(const std::string& path, std::vector<std::int64_t> shape) {
    std::size_t n = 1;
    for (const auto extent : shape) n *= static_cast<std::size_t>(extent);
    return tensor(peers::sequence_weights(path, n), shape);
}
/// The items' rows but padding, which no batch here has.
Tensor item_rows(const std::string& path, std::int64_t items, std::int64_t columns) {
    return weights(path, {items + 1, columns}).slice(0, 1).contiguous();
}
nn::LSTM lstm() {
    nn::LSTM layer(nn::LSTMOptions(width, width).batch_first(true));
    auto parameters = layer->named_parameters();
    assign(parameters["weight_ih_l0"], weights("tower.0.kernel", {width, 4 * width}).t());
    assign(parameters["weight_hh_l0"], weights("tower.0.recurrent_kernel", {width, 4 * width}).t());
    assign(parameters["bias_ih_l0"], weights("tower.0.bias", {4 * width}));
    assign(parameters["bias_hh_l0"], torch::zeros(4 * width));
    parameters["bias_hh_l0"].set_requires_grad(false);
    return layer;
}
/// Items' numbers from 0 [people, steps + 1].
Tensor histories(int people, int steps, int items) {
    return tensor(peers::event_ids(people * (steps + 1), items, "seq.ids"), {people, steps + 1}) - 1;
}

void run_against_all(const Runner& run, bool with_fields) {
    const std::string name = with_fields ? "train_fields_b256" : "train_sequence_b256";
    if (!run.wants(name)) return;
    constexpr std::int64_t people = peers::batch, steps = peers::event_steps;
    const Tensor ids = histories(people, steps, peers::shop_items), events = ids.slice(1, 0, steps).contiguous(),
                 target = ids.slice(1, 1).reshape({-1});
    Tensor items = item_rows("items", peers::shop_items, width).requires_grad_(true),
           bias = item_rows("bias", peers::shop_items, 1).view({-1}).contiguous().requires_grad_(true);
    nn::LSTM layer = lstm();
    std::vector<Tensor> parameters = layer->parameters(), values;
    parameters.push_back(items);
    parameters.push_back(bias);
    std::vector<nn::Embedding> tables;
    for (const auto& [field, rows] : peers::event_fields) {
        if (!with_fields) break;
        const std::string path = std::string("step.") + field + ".embeddings";
        tables.emplace_back(rows, peers::field_width);
        assign(tables.back()->weight, weights(path, {rows, peers::field_width}));
        parameters.push_back(tables.back()->weight);
        const auto drawn = peers::ids(people * (steps + 1), rows, std::string("seq.") + field);
        values.push_back(tensor(drawn, {people, steps + 1}).slice(1, 0, steps).contiguous());
    }
    torch::optim::Adam adam(parameters, torch::optim::AdamOptions(1e-3));
    double loss = 0;
    const auto step = [&] {
        adam.zero_grad();
        Tensor x = torch::embedding(items, events);
        std::vector<Tensor> parts;
        for (std::size_t i = 0; i < tables.size(); ++i) parts.push_back(tables[i]->forward(values[i]));
        if (with_fields) x = x + torch::cat(parts, 2);
        const Tensor h = std::get<0>(layer->forward(x)).reshape({-1, width});
        const Tensor l = nn::functional::cross_entropy(torch::addmm(bias, h, items.t()), target);
        l.backward();
        adam.step();
        loss = l.item<double>();
    };
    for (int i = 0; i < 3; ++i) step();
    run.run(name, peers::against_all_cost(), loss, step);
}

/// As PyTorch's SparseAdam, which the C++ library has not: rows with a gradient alone.
struct SparseAdam {
    Tensor table, m = torch::zeros_like(table), v = torch::zeros_like(table);
    std::int64_t steps = 0;
    void step() {
        const torch::NoGradGuard guard;
        const Tensor gradient = table.grad().coalesce(), rows = gradient.indices()[0], g = gradient.values();
        ++steps;
        const double correction_1 = 1 - std::pow(.9, steps), correction_2 = 1 - std::pow(.999, steps);
        const Tensor first = m.index_select(0, rows).mul_(.9).add_(g, .1),
                     second = v.index_select(0, rows).mul_(.999).addcmul_(g, g, .001);
        m.index_copy_(0, rows, first);
        v.index_copy_(0, rows, second);
        table.index_add_(0, rows, first / (second / correction_2).sqrt_().add_(1e-8), -1e-3 / correction_1);
        table.mutable_grad() = Tensor();
    }
};
/// Softmax of each target against negatives that the batch shares, drawn uniformly and corrected for that.
void run_sampled(const Runner& run) {
    for (const auto& [size, items] : peers::catalogues) {
        const std::string name = std::string("train_sampled_") + size;
        if (!run.wants(name)) continue;
        constexpr std::int64_t steps = peers::sampled_steps, negatives = peers::targets;
        const double expected = std::log(static_cast<double>(negatives) / items);
        const Tensor ids = histories(peers::sampled_people, steps, items), events = ids.slice(1, 0, steps).contiguous(),
                     target = ids.slice(1, 1).reshape({-1}), correct = torch::zeros({target.size(0)}, torch::kInt64);
        Tensor table = item_rows("items", items, width).requires_grad_(true),
               bias = item_rows("bias", items, 1).requires_grad_(true);
        nn::LSTM layer = lstm();
        torch::optim::Adam adam(layer->parameters(), torch::optim::AdamOptions(1e-3));
        SparseAdam of_table{table}, of_bias{bias};
        const auto look_up = [](const Tensor& from, const Tensor& rows) {
            return torch::embedding(from, rows, -1, false, true);
        };
        run.run(name, peers::sampled_cost(), NAN, [&] {
            adam.zero_grad();
            const Tensor drawn = torch::randint(items, {negatives}, torch::kInt64);
            const Tensor h = std::get<0>(layer->forward(look_up(table, events))).reshape({-1, width});
            const Tensor own = (h * look_up(table, target)).sum(1, true) + look_up(bias, target);
            const Tensor others = torch::addmm(look_up(bias, drawn).view({-1}) - expected, h, look_up(table, drawn).t())
                                      .masked_fill(target.view({-1, 1}) == drawn.view({1, -1}),
                                                   -std::numeric_limits<float>::infinity());
            const Tensor l = nn::functional::cross_entropy(torch::cat({own, others}, 1), correct);
            l.backward();
            adam.step();
            of_table.step();
            of_bias.step();
            peers::keep(l.item<double>());
        });
    }
}

}  // namespace

void run_sequences(const Runner& run) {
    run_against_all(run, false);
    run_against_all(run, true);
    run_sampled(run);
}
