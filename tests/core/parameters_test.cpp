#include <deeprec/core/parameters.hpp>

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include <deeprec/core/layer.hpp>

#include "support/catch.hpp"

using namespace deeprec;

namespace {

using Names = std::vector<std::string>;

/// Parameters of every rank, one that is left out, a table, a state that moves and one that does not.
struct Part {
    struct Gradients {
        Tensor<float, 2> kernel;
        Tensor<float, 1> bias, scale;
        Tensor<float, 3> cube;
        SparseRows<float> table;
        MovingAverage<float> mean;
    };
    void fields(Fields<float>& f, Gradients& g) {
        f.parameter("kernel", kernel, {2, 3}, Constant{0.5}, g.kernel);
        f.parameter("bias", bias, {0}, Constant{1}, g.bias);
        f.state("mean", mean, 2, 0.25, 0.75, g.mean);
        f.parameter("table", table, {4, 2}, Constant{-1}, g.table);
        f.state("seen", seen, 1);
        f.scope("own", [&] { f.parameter("cube", cube, {2, 1, 2}, Constant{2}, g.cube); });
        f.parameter("scale", scale, {3}, Constant{4}, g.scale);
    }
    Tensor<float, 2> kernel, table;
    Tensor<float, 1> bias, scale, mean, seen;
    Tensor<float, 3> cube;
};
struct Model : LayerInterface<Model, float> {
    using Gradients = Part::Gradients;
    Part part;
    int renewed = 0;

    Shape size(const Shape& in) { return in; }
    void fields(Fields<float>& f, Gradients& g) { f.part(12, part, g); }
    void parameters_changed() { ++renewed; }
};
Model built() {
    Model model;
    model.build({3}, Seed{1});
    model.renewed = 0;
    return model;
}
template <class T>
Names paths(const ParameterList<T>& list) {
    Names names;
    for (const auto& p : list) names.push_back(p.path);
    return names;
}

const Names all{"12.kernel", "12.mean", "12.table", "12.seen", "12.own.cube", "12.scale"};
const Names trained{"12.kernel", "12.table", "12.own.cube", "12.scale"};

}  // namespace

TEST_CASE("A model is empty before it is built, and has its initial values after", "[parameters]") {
    Model model;
    Model::Gradients none;
    CHECK(parameter_list(model, none).empty());
    CHECK(parameter_count(model) == 0);
    model.build({3}, Seed{1});
    CHECK(model.renewed == 1);
    CHECK(model.part.kernel(1, 2) == 0.5f);
    CHECK(model.part.bias.size() == 0);
    CHECK(model.part.mean(1) == 0.25f);
    CHECK(model.part.table(3, 1) == -1);
    CHECK(model.part.seen(0) == 0);
    CHECK(model.part.cube(1, 0, 1) == 2);
    CHECK(model.part.scale(2) == 4);
}

TEST_CASE("A list has what a model keeps, in order, and passes over what is not there", "[parameters]") {
    const Model model = built();
    auto gradients = model.zero_gradients();
    const auto list = parameter_list(model, gradients);
    CHECK(paths(list) == all);
    REQUIRE(list.size() == all.size());

    const auto &kernel = list[0], &mean = list[1], &table = list[2], &seen = list[3], &cube = list[4];
    CHECK(kernel.shape == Shape{2, 3});
    CHECK(table.shape == Shape{4, 2});
    CHECK(cube.shape == Shape{2, 1, 2});
    CHECK(list[5].shape == Shape{3});
    CHECK(mean.shape == Shape{2});
    CHECK(kernel.values == model.part.kernel.data());
    CHECK(seen.values == model.part.seen.data());

    // dense
    CHECK_FALSE(kernel.is_state());
    CHECK(kernel.gradient == gradients.kernel.data());
    CHECK(kernel.rows == nullptr);
    CHECK(kernel.touched() == 6);
    CHECK(kernel.touched_data() == gradients.kernel.data());
    // rows
    CHECK_FALSE(table.is_state());
    CHECK(table.gradient == nullptr);
    CHECK(table.rows == &gradients.table);
    CHECK(table.touched() == 0);
    gradients.table.row(3)[1] = 8;
    CHECK(table.touched() == 2);
    CHECK(table.touched_data()[1] == 8);
    // states
    CHECK(mean.is_state());
    CHECK(mean.moves == &gradients.mean);
    CHECK(seen.is_state());
    CHECK(seen.moves == nullptr);
    CHECK(seen.gradient == nullptr);
}

TEST_CASE("The list of a model alone has no gradients", "[parameters]") {
    const Model model = built();
    const auto list = parameter_list(model);
    CHECK(paths(list) == all);
    for (const auto& p : list) {
        CHECK(p.gradient == nullptr);
        CHECK(p.rows == nullptr);
    }
    CHECK(parameter_count(model) == 6 + 8 + 4 + 3);  // states are not trained
    CHECK(model.renewed == 0);
}

TEST_CASE("Gradients have the shapes of their parameters and begin at zero", "[parameters]") {
    const Model model = built();
    Model::Gradients gradients;
    gradients.kernel.resize(7, 7);
    gradients.kernel.setConstant(1);
    Fields<float> fields;
    deeprec::detail::list_fields(model, gradients, fields);
    size_gradients(fields.parameters());
    CHECK(gradients.kernel.dimensions() == model.part.kernel.dimensions());
    CHECK(gradients.cube.dimensions() == model.part.cube.dimensions());
    CHECK(gradients.scale.size() == 3);
    CHECK(gradients.bias.size() == 0);
    CHECK(gradients.table.rows() == 4);
    CHECK(gradients.table.width() == 2);
    CHECK(gradients.table.ids().empty());
    CHECK(std::count(gradients.kernel.data(), gradients.kernel.data() + 6, 0.0f) == 6);

    Tensor<float, 1> state(2);
    state.setConstant(3);
    gradients.mean.move(state);  // nothing was added
    CHECK(state(0) == 3);
    const float statistic[]{1, 2};
    gradients.mean.add(statistic, 1, 1);
    gradients.mean.move(state);
    CHECK(state(0) == 0.75f * 3 + 0.25f * 1);
    CHECK(state(1) == 0.75f * 3 + 0.25f * 2);
}

TEST_CASE("Cleared gradients are zero, of a table nothing is touched", "[parameters]") {
    Model model = built();
    auto gradients = model.zero_gradients();
    gradients.kernel.setConstant(1);
    gradients.cube.setConstant(1);
    gradients.scale.setConstant(1);
    gradients.table.row(2)[0] = 1;
    const float statistic[]{1, 2};
    gradients.mean.add(statistic, 1, 1);
    clear_gradients(parameter_list(model, gradients));
    const auto zeros = [](const auto& tensor) {
        return std::all_of(tensor.data(), tensor.data() + tensor.size(), [](float x) { return x == 0; });
    };
    CHECK(zeros(gradients.kernel));
    CHECK(zeros(gradients.cube));
    CHECK(zeros(gradients.scale));
    CHECK(gradients.table.ids().empty());
    gradients.mean.move(model.part.mean);
    CHECK(model.part.mean(0) == 0.25f);
    CHECK(model.part.kernel(0, 0) == 0.5f);
}

TEST_CASE("A walk over parameters shows tensors by name and renews packed copies once", "[parameters]") {
    Model model = built();
    Names names, ranks;
    for_each_parameter(model, [&](std::string_view name, auto& tensor) {
        static_assert(!std::is_const_v<std::remove_reference_t<decltype(tensor)>>);
        names.emplace_back(name);
        ranks.push_back(std::to_string(tensor.NumDimensions));
        std::fill_n(tensor.data(), tensor.size(), 1.0f);
    });
    CHECK(names == trained);
    CHECK(ranks == Names{"2", "2", "3", "1"});
    CHECK(model.renewed == 1);
    CHECK(model.part.table(3, 1) == 1);
    CHECK(model.part.mean(0) == 0.25f);

    const Model& constant = model;
    Index numbers = 0;
    for_each_parameter(constant, [&](std::string_view, auto& tensor) {
        static_assert(std::is_const_v<std::remove_reference_t<decltype(tensor)>>);
        numbers += tensor.size();
    });
    CHECK(numbers == parameter_count(model));
    CHECK(model.renewed == 1);  // a const walk changes nothing
}

TEST_CASE("A walk over parameters and gradients shows each its own", "[parameters]") {
    Model model = built();
    auto gradients = model.zero_gradients();
    Names names, tables;
    for_each_parameter(model, gradients, [&](std::string_view name, auto& tensor, auto& gradient) {
        names.emplace_back(name);
        CHECK(gradient.size() == tensor.size());
        if constexpr (requires { gradient.ids(); }) {
            tables.emplace_back(name);
            CHECK(&gradient == &gradients.table);
        } else {
            std::fill_n(gradient.data(), gradient.size(), tensor.data()[0]);
        }
    });
    CHECK(names == trained);
    CHECK(tables == Names{"12.table"});
    CHECK(model.renewed == 1);
    CHECK(gradients.kernel(1, 2) == 0.5f);
    CHECK(gradients.cube(1, 0, 1) == 2);
    CHECK(gradients.scale(2) == 4);
    for_each_parameter(std::as_const(model), gradients, [](std::string_view, const auto&, auto& g) { g.setZero(); });
    CHECK(model.renewed == 1);
    CHECK(gradients.cube(1, 0, 1) == 0);
}

TEST_CASE("A walk over states shows all, or those that training moves", "[parameters]") {
    Model model = built();
    Names names;
    for_each_state(model, [&](std::string_view name, auto& state) {
        names.emplace_back(name);
        std::fill_n(state.data(), state.size(), 9.0f);
    });
    CHECK(names == Names{"12.mean", "12.seen"});
    CHECK(model.part.seen(0) == 9);
    CHECK(model.renewed == 0);

    auto gradients = model.zero_gradients();
    names.clear();
    for_each_state(model, gradients, [&](std::string_view name, auto& state, MovingAverage<float>& average) {
        names.emplace_back(name);
        CHECK(&state == &model.part.mean);
        CHECK(&average == &gradients.mean);
    });
    CHECK(names == Names{"12.mean"});
    for_each_state(std::as_const(model), [](std::string_view, auto& state) {
        static_assert(std::is_const_v<std::remove_reference_t<decltype(state)>>);
    });
}
