#include <deeprec/training/gradient_sum.hpp>

#include <algorithm>
#include <vector>

#include <deeprec/layers/batch_norm.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/models/sequential.hpp>
#include <deeprec/training/trainer.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"

using namespace deeprec;

namespace {

auto small_model() {
    Sequential model{Embedding{3000, 7}, BatchNorm{}, Flatten{}, Dense{700}, Dense{2}};
    model.build({5}, Seed{1});
    return model;
}
using Model = decltype(small_model());

/// Gradients of shard `s`: all numbers of what is dense, some rows of the table, a statistic of each state.
void fill(const Model& model, Model::Gradients& gradients, std::uint64_t s) {
    const RandomStream random(Seed{s});
    std::uint64_t at = 0;
    const auto next = [&] { return static_cast<float>(random.normal(at++)); };
    const auto clear = [](std::string_view, const auto&, auto& g) { g.setZero(); };
    for_each_parameter(model, gradients, clear);
    for_each_state(model, gradients, clear);
    for_each_parameter(model, gradients, [&](std::string_view, const auto&, auto& g) {
        if constexpr (requires { g.row(0); })
            for (int i = 0; i < 900; ++i) g.row(static_cast<std::int32_t>(random.below(at++, 3000)))[i % 7] += next();
        else
            std::generate_n(g.data(), g.size(), next);
    });
    for_each_state(model, gradients, [&](std::string_view, const auto& state, auto& average) {
        std::vector<float> statistic(static_cast<std::size_t>(state.size()));
        std::generate(statistic.begin(), statistic.end(), next);
        average.add(statistic.data(), 3, 2);
    });
}
/// All numbers of the gradients, and what they make of states that are 0.
std::vector<float> flat(const Model& model, Model::Gradients& gradients) {
    std::vector<float> all;
    const auto append = [&](const auto& tensor) {
        all.insert(all.end(), tensor.data(), tensor.data() + tensor.size());
    };
    for_each_parameter(model, gradients, [&](std::string_view, const auto&, auto& g) {
        if constexpr (requires { g.dense(); })
            append(g.dense());
        else
            append(g);
    });
    for_each_state(model, gradients, [&](std::string_view, const auto& state, auto& average) {
        Tensor<float, 1> moved(state.size());
        moved.setZero();
        average.move(moved);
        append(moved);
    });
    return all;
}

}  // namespace

TEST_CASE("Gradients of shards add up as a binary tree, for any number of threads", "[training][threads]") {
    const Model model = small_model();
    for (const int threads : {1, 3}) {
        ThreadPool pool(threads);
        detail::GradientSum<float> sum;
        for (std::size_t count = 1; count <= 8; ++count) {
            CAPTURE(threads, count);
            std::vector<Model::Gradients> shards(count, model.zero_gradients());
            for (std::size_t s = 0; s < count; ++s) fill(model, shards[s], s);
            auto expected = shards;
            for (std::size_t stride = 1; stride < count; stride *= 2)
                for (std::size_t s = 0; s + stride < count; s += 2 * stride) {
                    const auto to = parameter_list(model, expected[s]),
                               from = parameter_list(model, expected[s + stride]);
                    for (std::size_t i = 0; i < to.size(); ++i) detail::add_gradient(to[i], from[i]);
                }

            std::vector<ParameterList<float>> lists;
            for (auto& shard : shards) lists.push_back(parameter_list(model, shard));
            const auto add_up = [&] { sum(lists, pool); };
            add_up();
            CHECK(flat(model, shards[0]) == flat(model, expected[0]));
            for (std::size_t s = 0; s < count; ++s) fill(model, shards[s], s);
            CHECK(support::allocations_in(add_up) == 0);
        }
    }
}
