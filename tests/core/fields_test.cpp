#include <deeprec/core/fields.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <deeprec/core/errors.hpp>

#include "support/catch.hpp"

using namespace deeprec;

namespace {

using Names = std::vector<std::string>;
using With = Fields<float>::With;

struct Nothing {};
struct Slope {
    static constexpr std::string_view name = "slope";
    double negative_slope = 0.2;
};
struct Bend {
    static constexpr std::string_view name = "bend";
    double alpha = 1.5;
};
struct Plain {
    static constexpr std::string_view name = "plain";
};
enum class Colour { red, green, blue };
constexpr std::array<std::string_view, 3> colour_names{"red", "green", "blue"};

/// Options of every kind.
struct Options {
    static constexpr std::string_view name() { return "Options"; }
    void check() const {
        if (units < 1) throw ArgumentError("Options: units");
    }
    void fields(Fields<float>& f, Nothing&) {
        f.option("use_bias", use_bias);
        f.option("units", units);
        f.option("rate", rate);
        f.option("scale", scale);
        f.option("input_shape", input_shape);
        f.option("ids", ids);
        f.option("bags", bags);
        f.choice("colour", colour, colour_names);
        f.fixed("return_sequences", true);
        f.fixed("kind", "plain text");
        f.activation("activation", slope);
        f.activation("gate", bend);
        f.activation("plain", plain);
    }
    bool use_bias = true;
    Index units = 3;
    double rate = 0.25;
    float scale = 0.5f;
    Shape input_shape{2, 3};
    std::vector<std::int32_t> ids{1, 2};
    std::vector<std::vector<std::int32_t>> bags{{1}, {2, 3}};
    Colour colour = Colour::green;
    Slope slope;
    Bend bend;
    Plain plain;
};

/// Two parameters with seeds of their own.
struct Leaf {
    struct Gradients {
        Tensor<float, 1> a, b;
    };
    static constexpr std::string_view name() { return "Leaf"; }
    void fields(Fields<float>& f, Gradients& g) {
        f.option("size", size);
        f.parameter("a", a, {size}, Constant{1}, g.a);
        f.parameter("b", b, {size}, Constant{2}, g.b, 1);
    }
    Index size = 2;
    Tensor<float, 1> a, b;
};
/// Leaves under every kind of name.
struct Tree {
    struct Gradients {
        Leaf::Gradients first, second, quiet, inner;
        Tensor<float, 1> own;
    };
    static constexpr std::string_view name() { return "Tree"; }
    void fields(Fields<float>& f, Gradients& g) {
        f.option("height", height);
        f.part(0, first, g.first, 7);
        f.part("user", second, g.second, 8);
        f.part_without_options("quiet", quiet, g.quiet, 9);
        f.scope("own", [&] { f.parameter("c", own, {1}, Constant{3}, g.own); });
        f.seeded(5, [&] { f.part("inner", inner, g.inner, 6); });
        f.option("width", width);
    }
    Index height = 4, width = 5;
    Leaf first, second, quiet, inner;
    Tensor<float, 1> own;
};
struct Forest {
    struct Gradients {
        Tree::Gradients tree;
    };
    void fields(Fields<float>& f, Gradients& g) { f.part("tree", tree, g.tree, 3); }
    Tree tree;
};

}  // namespace

TEST_CASE("Options of every kind are listed by name and point at their values", "[fields]") {
    Options options;
    Nothing none;
    Fields<float> fields(With::names);
    fields.model(options, none);
    REQUIRE(fields.layers().size() == 1);
    const LayerOptions& layer = fields.layers()[0];
    CHECK(layer.path.empty());
    CHECK(layer.layer == "Options");
    Names names;
    for (const Option& option : layer.options) names.emplace_back(option.name);
    CHECK(names == Names{"use_bias", "units", "rate", "scale", "input_shape", "ids", "bags", "colour",
                         "return_sequences", "kind", "activation", "gate", "plain"});
    const auto is = [&](std::size_t i, OptionKind kind, const void* value) {
        return layer.options[i].kind == kind && layer.options[i].value == value;
    };
    CHECK(is(0, OptionKind::truth, &options.use_bias));
    CHECK(is(1, OptionKind::index, &options.units));
    CHECK(is(2, OptionKind::number, &options.rate));
    CHECK(is(3, OptionKind::single, &options.scale));
    CHECK(is(4, OptionKind::shape, &options.input_shape));
    CHECK(is(5, OptionKind::ids, &options.ids));
    CHECK(is(6, OptionKind::id_lists, &options.bags));
}

TEST_CASE("A choice is read and set by the place of its name", "[fields]") {
    Options options;
    Nothing none;
    Fields<float> fields(With::names);
    fields.model(options, none);
    const Option choice = fields.layers()[0].options[7];
    REQUIRE(choice.kind == OptionKind::choice);
    REQUIRE(choice.count == 3);
    CHECK(choice.words[choice.get(choice.value)] == "green");
    choice.set(choice.value, 2);
    CHECK(options.colour == Colour::blue);
    CHECK(choice.words[choice.get(choice.value)] == "blue");
}

TEST_CASE("What a type fixes is a text, with the number of an activation that has one", "[fields]") {
    Options options;
    Nothing none;
    Fields<float> fields(With::names);
    fields.model(options, none);
    const auto at = [&](std::size_t i) { return fields.layers()[0].options[i]; };
    CHECK(at(8).text == "true");
    CHECK(at(8).value == nullptr);
    CHECK(at(9).text == "plain text");
    CHECK(at(10).text == "slope");
    CHECK(at(10).value == &options.slope.negative_slope);
    CHECK(at(11).text == "bend");
    CHECK(at(11).value == &options.bend.alpha);
    CHECK(at(12).text == "plain");
    CHECK(at(12).value == nullptr);
}

TEST_CASE("Options can be checked where they stand", "[fields]") {
    Options options;
    Leaf leaf;
    Nothing none;
    Leaf::Gradients gradients;
    Fields<float> fields(With::names);
    fields.model(options, none);
    fields.model(leaf, gradients);
    const auto& layers = fields.layers();
    REQUIRE(layers.size() == 2);
    CHECK(layers[0].self == &options);
    CHECK_NOTHROW(layers[0].check(layers[0].self));
    options.units = 0;
    CHECK_THROWS_AS(layers[0].check(layers[0].self), ArgumentError);
    CHECK(layers[1].check == nullptr);
}

TEST_CASE("Parameters stand behind the names of their parts", "[fields]") {
    Forest forest;
    Forest::Gradients gradients;
    Fields<float> fields(With::names);
    fields.model(forest, gradients);
    Names paths;
    for (const auto& p : fields.parameters()) paths.push_back(p.path);
    CHECK(paths == Names{"tree.0.a", "tree.0.b", "tree.user.a", "tree.user.b", "tree.quiet.a", "tree.quiet.b",
                         "tree.own.c", "tree.inner.a", "tree.inner.b"});
}

TEST_CASE("Options stand at the path of their layer, but for parts without", "[fields]") {
    Forest forest;
    Forest::Gradients gradients;
    Fields<float> fields(With::names);
    fields.model(forest, gradients);
    Names paths, layers, options;
    for (const LayerOptions& layer : fields.layers()) {
        paths.push_back(layer.path);
        layers.emplace_back(layer.layer);
        std::string names;
        for (const Option& option : layer.options) names.append(option.name).append(1, ' ');
        options.push_back(names);
    }
    CHECK(paths == Names{"", "tree", "tree.0", "tree.user", "tree.inner"});
    CHECK(layers == Names{"", "Tree", "Leaf", "Leaf", "Leaf"});
    CHECK(options == Names{"", "height width ", "size ", "size ", "size "});  // after its parts a layer goes on
}

TEST_CASE("Every parameter has a seed by its uses, and no other", "[fields]") {
    Forest forest;
    Forest::Gradients gradients;
    Fields<float> fields(With::values, Seed{11});
    fields.model(forest, gradients);
    const auto& list = fields.parameters();
    REQUIRE(list.size() == 9);
    const Seed tree = derive(Seed{11}, 3);
    const auto seed = [&](std::size_t i) { return list[i].seed.value; };
    CHECK(seed(0) == derive(tree, 7).value);
    CHECK(seed(1) == derive(derive(tree, 7), 1).value);
    CHECK(seed(2) == derive(tree, 8).value);
    CHECK(seed(4) == derive(tree, 9).value);
    CHECK(seed(6) == tree.value);  // a scope is a name only
    CHECK(seed(7) == derive(derive(tree, 5), 6).value);
    CHECK(seed(8) == derive(derive(derive(tree, 5), 6), 1).value);
}

TEST_CASE("Names are written down only where they are asked for", "[fields]") {
    Forest forest;
    Forest::Gradients gradients;
    Fields<float> fields;
    fields.model(forest, gradients);
    CHECK(fields.layers().empty());
    REQUIRE(fields.parameters().size() == 9);
    for (const auto& p : fields.parameters()) CHECK(p.path.empty());
    fields.clear();
    CHECK(fields.parameters().empty());
}

TEST_CASE("An entry sizes its tensor and knows how it is filled", "[fields]") {
    struct Wide {
        static void count(float* values, const Shape& shape, Seed seed) {
            for (Index i = 0; i < shape.size(); ++i) values[i] = static_cast<float>(i) + static_cast<float>(seed.value);
        }
        Tensor<float, 2> kernel, kernel_gradient;
        Tensor<float, 1> mean;
        MovingAverage<float> average;
    } wide;
    Fields<float> fields(With::names, Seed{2});
    fields.parameter("kernel", wide.kernel, {2, 3}, Wide::count, wide.kernel_gradient);
    fields.state("mean", wide.mean, 4, 1.5, 0.9, wide.average);
    auto& list = fields.parameters();
    CHECK(list[0].held == 0);
    CHECK(list[0].size() == 6);
    float* const values = list[0].resize(list[0].tensor, list[0].shape);
    CHECK(values == wide.kernel.data());
    CHECK(wide.kernel.dimension(1) == 3);
    list[0].fill(values, list[0].shape, list[0].seed);
    CHECK(wide.kernel(1, 2) == 7);
    const float* const gradient = list[0].resize(list[0].gradient_tensor, list[0].shape);
    CHECK(gradient == wide.kernel_gradient.data());
    CHECK(wide.kernel_gradient.size() == 6);
    CHECK(list[1].is_state());
    CHECK(list[1].keep == 0.9);
    CHECK(list[1].moves == &wide.average);
    CHECK(list[1].fill == nullptr);
    const float* const mean = list[1].resize(list[1].tensor, list[1].shape);
    CHECK(mean == wide.mean.data());
    CHECK(wide.mean.size() == 4);
}
