#include <deeprec/io/onnx.hpp>

#include <cmath>
#include <limits>
#include <map>

#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/onnxruntime.hpp"

#include <deeprec/io/model_file.hpp>
#include <deeprec/models/transformer_block.hpp>
#include <deeprec/training/predict.hpp>

using namespace deeprec;
using support::message_of;

/// Layers of somebody else's, one with its export beside it.
namespace mine {
template <class L>
struct AddNumber : BasicLayer<L, float> {
    using Scalar = float;
    struct Cache : LayerCache {
        Buffer<float> y;
    };
    double number = 0.25;
    Shape prepare(const Shape& in) const { return in; }
    void fields(Fields<float>& f, NoParameters&) { f.option("number", number); }
    Block<const float> run(const Block<const float>& x, Cache& cache, const Pass&) const {
        float* y = cache.y.need(x.size());
        for (Index i = 0; i < x.size(); ++i) y[i] = x.data[i] + static_cast<float>(number);
        return {y, x.shape, x.mask};
    }
    Block<const float> back(const Block<const float>& dy, Cache&, NoParameters&, bool) const { return dy; }
};
struct Shift : AddNumber<Shift> {
    DEEPREC_LAYER("Shift", features, Rank)
};
struct Secret : AddNumber<Secret> {
    DEEPREC_LAYER("Secret", features, Rank)
};
struct Newer : AddNumber<Newer> {
    DEEPREC_LAYER("Newer", features, Rank)
};
onnx::Value to_onnx(onnx::Graph& g, const Shift& layer, const onnx::Value& x) {
    const onnx::LayerFields f(g, layer, {"number"});
    return {g.node("Add", {x.name, g.number(f.number("number"))}), x.rank, x.mask};
}
/// An export that was written before the layer had its option.
onnx::Value to_onnx(onnx::Graph& g, const Newer& layer, const onnx::Value& x) {
    const onnx::LayerFields f(g, layer, {});
    return x;
}
}  // namespace mine

namespace {

/// Random numbers for all parameters; variances are positive.
template <class Model>
void randomize(Model& model, std::uint64_t seed = 5) {
    for_each_parameter(model, [&](std::string_view, auto& p) { fill_uniform(p, 1, Seed{seed++}); });
    for_each_state(model, [&](std::string_view, auto& s) {
        fill_uniform(s, 1, Seed{seed++});
        for (Index i = 0; i < s.size(); ++i) s.data()[i] = std::abs(s.data()[i]);
    });
    model.parameters_changed();
}
Tensor<float, 3> numbers(Index batch, Index time, Index features, std::uint64_t seed = 9) {
    Tensor<float, 3> x(batch, time, features);
    fill_uniform(x, 2, Seed{seed});
    return x;
}
/// Ids below `limit`: sample 0 is padded in front, 1 behind, 2 is padding alone, 3 is whole, others anywhere.
Tensor<std::int32_t, 2> ids(Index batch, Index time, Index limit, std::uint64_t seed = 3) {
    Tensor<std::int32_t, 2> x(batch, time);
    const RandomStream random(Seed{seed});
    for (Index b = 0; b < batch; ++b)
        for (Index t = 0; t < time; ++t) {
            const auto i = static_cast<std::uint64_t>(b * time + t);
            const bool masked = b == 0   ? t < time / 2
                                : b == 1 ? t > time / 2
                                : b == 2 ? true
                                : b == 3 ? false
                                         : random.below(1000 + i, 2) == 0;
            x(b, t) =
                masked ? 0 : 1 + static_cast<std::int32_t>(random.below(i, static_cast<std::uint64_t>(limit - 1)));
        }
    return x;
}
double worst = 0;  // difference of all comparisons
/// |a - b| relative to the largest |b|, or to 1 where all are smaller.
template <class V>
void close(const support::OnnxRuntime::Output& a, const V& b) {
    REQUIRE(static_cast<Index>(a.values.size()) == b.size());
    REQUIRE(static_cast<int>(a.shape.size()) == b.shape().rank());
    for (int axis = 0; axis < b.shape().rank(); ++axis)
        REQUIRE(a.shape[static_cast<std::size_t>(axis)] == b.shape()[axis]);
    double largest = 1, difference = 0;
    for (Index i = 0; i < b.size(); ++i) {
        largest = std::max(largest, double{std::abs(b.data()[i])});
        difference = std::max(difference, double{std::abs(a.values[static_cast<std::size_t>(i)] - b.data()[i])});
    }
    worst = std::max(worst, difference / largest);
    CHECK(difference / largest < 1e-5);
}
const support::OnnxRuntime* runtime() {
    static const auto* const found = support::OnnxRuntime::find("comparison of exported models with ONNX Runtime");
    return found;
}

/// A built model gives the same there; for other numbers of samples and steps too.
template <class Model, class... Xs>
void same(const Model& model, const Xs&... xs) {
    INFO(model.name());
    const std::string file = onnx::graph_of(model).bytes();
    if (!runtime()) return;
    support::OnnxRuntime::Session session(*runtime(), file);
    session.input(Model::reads == Reads::ids ? "ids" : "x", xs...);
    typename Model::Cache cache;
    close(session.run("y"), model.forward(xs..., cache));
}
template <class... Layers>
void same_numbers(const Shape& in, Layers... layers) {
    Sequential model{std::move(layers)...};
    model.build(in, Seed{1});
    randomize(model);
    same(model, numbers(3, in[0], in[1]));
}
/// Behind an Embedding with mask_zero, and behind one without.
template <class... Layers>
void same_ids(Index time, Index width, Layers... layers) {
    for (const bool mask : {true, false}) {
        Sequential model{Embedding{11, width, {.mask_zero = mask}}, layers...};
        model.build({time}, Seed{1});
        randomize(model);
        same(model, ids(7, time, 11));
    }
}

}  // namespace

TEST_CASE("ONNX: layers of single steps", "[onnx]") {
    same_numbers({4, 3}, Dense{5, relu}, Dense{2, linear, {.use_bias = false}}, Dropout{0.5}, SpatialDropout1D{0.5});
    same_numbers({4, 6}, LayerNorm{{.epsilon = 1e-5}}, LayerNorm{{.center = false, .scale = false}});
    same_numbers({4, 6}, BatchNorm{}, BatchNorm{{.epsilon = 1e-2, .center = false, .scale = false}});
    same_numbers({4, 6}, Flatten{}, Dense{3, softmax}, mine::Shift{});
}

TEST_CASE("ONNX: every activation", "[onnx]") {
    same_numbers({5, 7}, Activation{relu6}, Activation{sigmoid}, Activation{linear}, Activation{Tanh{}},
                 Activation{hard_sigmoid}, Activation{softmax});
    same_numbers({5, 7}, Activation{LeakyReLU{.negative_slope = 0.3}}, Activation{gelu}, Activation{ELU{.alpha = 0.7}},
                 Activation{swish}, Activation{selu}, Activation{gelu_tanh});
    same_numbers({5, 7}, Activation{softsign}, Activation{exponential}, Activation{softplus}, Activation{relu});
}

TEST_CASE("ONNX: windows over time", "[onnx]") {
    for (const Padding padding : {Padding::valid, Padding::same, Padding::causal})
        for (const Index strides : {1, 2, 3})
            for (const Index dilation : {1, 2})
                for (const Index taps : {1, 2, 3})
                    same_numbers({9 + strides, 2}, Conv1D{3, taps, relu, {strides, padding, dilation, taps != 2}});
    for (const Padding padding : {Padding::valid, Padding::same})
        for (const Index strides : {0, 1, 2, 4})
            for (const Index size : {2, 3}) {
                same_numbers({10, 3}, MaxPool1D{size, {strides, padding}});
                same_numbers({10, 3}, AveragePool1D{size, {strides, padding}});
            }
    same_numbers({5, 3}, ZeroPadding1D{2, 1}, GlobalMaxPool1D{});
    same_numbers({5, 3}, GlobalMaxPool1D{keepdims}, Flatten{});
    same_numbers({5, 3}, GlobalAveragePool1D{keepdims}, Flatten{});
    same_ids(5, 3, ZeroPadding1D{2, 1}, GlobalAveragePool1D{});
    same_ids(5, 3, CumulativeAverage1D{});
    same_ids(5, 3, Masked{Conv1D{3, 3, relu, {.padding = Padding::causal}}}, GlobalAveragePool1D{keepdims});
}

TEST_CASE("ONNX: recurrent layers with every mask", "[onnx]") {
    for (const bool backwards : {false, true})
        for (const bool bias : {true, false}) {
            same_ids(6, 3, LSTM{4, return_last, {.go_backwards = backwards, .use_bias = bias}});
            same_ids(6, 3, LSTM{4, return_sequences, {.go_backwards = backwards, .use_bias = bias}}, GlobalMaxPool1D{});
            same_ids(6, 3, SimpleRNN{4, return_sequences, {.go_backwards = backwards, .use_bias = bias}});
            for (const bool after : {true, false}) {
                same_ids(6, 3, GRU{4, return_last, {backwards, bias, after}});
                same_ids(6, 3, GRU{4, return_sequences, {backwards, bias, after}}, GRU{3, return_last});
            }
        }
    same_ids(5, 2, LSTM<float, ReturnLast, Softsign, HardSigmoid>{3});
    same_ids(5, 2, GRU<float, ReturnLast, ELU, HardSigmoid>{3});
    same_ids(5, 2, SimpleRNN<float, ReturnLast, LeakyReLU>{3});
    same_ids(5, 2, SimpleRNN<float, ReturnLast, Linear>{3});
    for (const MergeMode mode : {MergeMode::concat, MergeMode::sum, MergeMode::mul, MergeMode::ave}) {
        same_ids(6, 3, Bidirectional{LSTM{4, return_sequences}, {mode}}, GlobalAveragePool1D{});
        same_ids(6, 3, Bidirectional{GRU{4}, {mode}});
    }
}

TEST_CASE("ONNX: attention, positions, blocks", "[onnx]") {
    for (const bool causal : {true, false}) {
        same_ids(6, 4, PositionEmbedding{8}, MultiHeadAttention{2, 3, {causal, !causal}});
        same_ids(6, 4, TransformerBlock{2, 5, {.dropout = 0.1, .use_causal_mask = causal}}, LayerNorm{});
    }
    same_ids(6, 4, TransformerBlock{2, 5, post_norm}, Residual{Sequential{LSTM{4, return_sequences}, Dense{4}}});
}

TEST_CASE("ONNX: bags of ids", "[onnx]") {
    for (const BagMode mode : {BagMode::sum, BagMode::mean, BagMode::max})
        for (const bool mask : {true, false}) {
            Sequential model{EmbeddingBag{11, 4, {.mode = mode, .mask_zero = mask}}};
            model.build({5}, Seed{1});
            randomize(model);
            same(model, ids(7, 5, 11));
        }
}

TEST_CASE("ONNX: batch and time are those of the input, and ids outside of a table are refused", "[onnx]") {
    Sequential model{Embedding{11, 3, {.mask_zero = true}}, LSTM{4, return_sequences},
                     Conv1D{3, 3, relu, {.strides = 2, .padding = Padding::same}}, GlobalMaxPool1D{},
                     Dense{1, sigmoid}};
    model.build({6}, Seed{1});
    randomize(model);
    for (const Index batch : {1, 5, 100})
        for (const Index time : {1, 6, 13}) same(model, ids(batch, time, 11));
    Sequential known{Embedding{11, 3, {.out_of_range = OutOfRange::last_row}}, GlobalMaxPool1D{}};
    known.build({6}, Seed{1});
    Tensor<std::int32_t, 2> x(1, 3);
    x(0, 0) = -1, x(0, 1) = 99;
    same(known, x);
    if (!runtime()) return;
    const std::string file = onnx::graph_of(model).bytes();
    for (const std::int32_t bad : {-1, 11}) {
        x(0, 1) = bad;
        support::OnnxRuntime::Session session(*runtime(), file);
        session.input("ids", x);
        CHECK_THROWS_AS(session.run("y"), std::runtime_error);
    }
}

namespace {
template <class Head>
void same_towers(Head head) {
    TwoTower model{Sequential{Embedding{11, 4, {.mask_zero = true}}, GRU{5}},
                   Sequential{Embedding{13, 4}, Conv1D{3, 2, relu}, Flatten{}, Dense{5}}, head};
    model.build({{6}, {4}}, Seed{1});
    randomize(model);
    const std::string file = onnx::graph_of(model).bytes(), of_head = onnx::graph_of(model.head).bytes();
    if (!runtime()) return;
    typename decltype(model)::Cache cache;
    typename decltype(model.user)::Cache user;
    typename decltype(model.item)::Cache item;
    const auto users = ids(8, 6, 11), items = ids(8, 4, 13, 4);
    {
        support::OnnxRuntime::Session session(*runtime(), file);
        close(session.input("user", users).input("item", items).run("score"), model.forward(users, items, cache));
    }
    {  // one user with all items
        const auto one = ids(1, 6, 11);
        support::OnnxRuntime::Session session(*runtime(), file);
        const auto score = model.forward(Pair{view(one), view(items)}, cache);
        close(session.input("user", one).input("item", items).run("score"), score);
    }
    same(model.user, users);
    same(model.item, items);
    const Tensor<float, 2> u(model.user.forward(users, user)), v(model.item.forward(items, item));
    support::OnnxRuntime::Session session(*runtime(), of_head);
    close(session.input("user", u).input("item", v).run("score"), model.forward(users, items, cache));
}
}  // namespace

TEST_CASE("ONNX: two towers with every head, whole and in parts", "[onnx]") {
    same_towers(Sequential{Dense{8, relu}, Dense{1, sigmoid}});
    same_towers(Sequential{Dense{1, sigmoid}});
    same_towers(Dot{.normalize = true});
    same_towers(Cosine{.temperature = 0.05f});
    same_towers(Sequential{Dot{}, Dense{1, sigmoid}});
}

TEST_CASE("ONNX: a sequence recommender's tower", "[onnx]") {
    for (const double scale : {0.0, 8.0}) {
        SequenceRecommender model{
            10,
            Sequential{GRU{5, return_sequences}, Dense{6}},
            {.width = 6, .scale = scale, .attributes = std::vector<std::vector<std::int32_t>>(11, {1, 2})}};
        model.build(7, Seed{1});
        const std::string file = onnx::graph_of(model).bytes();
        if (!runtime()) continue;
        decltype(model)::Cache cache;
        const auto x = ids(4, 7, 11);
        support::OnnxRuntime::Session session(*runtime(), file);
        close(session.input("ids", x).run("h"), model.forward(x, cache));
    }
}

TEST_CASE("ONNX: named fields", "[onnx]") {
    Sequential model{Branches{field("item", Embedding{11, 4, {.mask_zero = true}}), field("price", Dense{2, relu}),
                              field("tags", EmbeddingBag{11, 3, {.mask_zero = true}})},
                     LSTM{3}, Dense{2}};
    model.build({{"item", {6}}, {"price", {6, 1}}, {"tags", {6, 2}}}, Seed{1});
    randomize(model);
    const std::string file = onnx::graph_of(model).bytes();
    if (!runtime()) return;
    const auto items = ids(8, 6, 11);
    const auto prices = numbers(8, 6, 1);
    Tensor<std::int32_t, 3> tags(8, 6, 2);
    const auto flat = ids(8, 12, 11, 5);
    std::copy_n(flat.data(), flat.size(), tags.data());
    decltype(model)::Cache cache;
    support::OnnxRuntime::Session session(*runtime(), file);
    close(session.input("item", items).input("price", prices).input("tags", tags).run("y"),
          model.forward(Record{{"item", items}, {"price", prices}, {"tags", tags}}, cache));
}

namespace {
/// A merge layer over the outputs of two Embeddings, with and without masks, then the mean of the steps that are kept.
template <class Layer>
void same_merged(const Layer& layer, Index other_width) {
    for (const bool mask : {true, false}) {
        Sequential a{Embedding{11, 3, {.mask_zero = true}}}, b{Embedding{11, other_width, {.mask_zero = mask}}};
        a.build({6}, Seed{1}), b.build({6}, Seed{2});
        randomize(a), randomize(b, 50);
        const GlobalAveragePool1D<float> mean;
        onnx::Graph g;
        const auto in = [&](const char* name) { return onnx::input(g, name, "batch", {6}, ElementType::int32); };
        const onnx::Value u = onnx::part(g, "a", a, in("ids.a")), v = onnx::part(g, "b", b, in("ids.b"));
        const onnx::Value y = onnx::part(g, "merge", layer, u, v);
        g.output("y", y);
        g.output("mean", onnx::part(g, "mean", mean, y));
        if (!runtime()) return;
        const auto left = ids(8, 6, 11), right = ids(8, 6, 11, 8);
        typename decltype(a)::Cache of_a;
        typename decltype(b)::Cache of_b;
        typename Layer::Cache cache;
        typename GlobalAveragePool1D<float>::Cache of_mean;
        const auto expected = layer.forward(std::make_tuple(a.forward(left, of_a), b.forward(right, of_b)), cache);
        support::OnnxRuntime::Session session(*runtime(), g.bytes());
        session.input("ids.a", left).input("ids.b", right);
        close(session.run("y"), expected);
        close(session.run("mean"), mean.forward(expected, of_mean));
    }
}
}  // namespace

TEST_CASE("ONNX: merge layers in a composition by hand", "[onnx]") {
    same_merged(Add{}, 3);
    same_merged(Multiply{}, 3);
    same_merged(Average{}, 3);
    same_merged(Maximum{}, 3);
    same_merged(Concatenate{}, 5);
    // three inputs
    onnx::Graph g;
    const auto in = [&](const char* name) { return onnx::input(g, name, "batch", {4}, ElementType::float32); };
    const onnx::Value a = in("a"), b = in("b"), c = in("c");
    g.output("product", onnx::part(g, "multiply", BasicMultiply<float, 3>{}, a, b, c));
    g.output("mean", onnx::part(g, "average", BasicAverage<float, 3>{}, a, b, c));
    if (!runtime()) return;
    Tensor<float, 2> x(5, 4), y(5, 4), z(5, 4);
    fill_uniform(x, 2, Seed{1}), fill_uniform(y, 2, Seed{2}), fill_uniform(z, 2, Seed{3});
    support::OnnxRuntime::Session session(*runtime(), g.bytes());
    session.input("a", x).input("b", y).input("c", z);
    BasicMultiply<float, 3>::Cache product;
    BasicAverage<float, 3>::Cache mean;
    close(session.run("product"), BasicMultiply<float, 3>{}.forward(std::tie(x, y, z), product));
    close(session.run("mean"), BasicAverage<float, 3>{}.forward(std::tie(x, y, z), mean));
}

TEST_CASE("ONNX: an output for each of the Heads", "[onnx]") {
    const auto heads = [] {
        return Heads{head("click", Dense{1, sigmoid}), head("kind", Sequential{Dense{4, relu}, Dense{3, softmax}})};
    };
    const auto compare = [](const support::OnnxRuntime::Session& session, const Record& expected) {
        REQUIRE(expected.fields().size() == 2);
        for (const FieldView& f : expected.fields()) {
            const auto y = view(expected).get<float>(f);
            close(session.run(std::string(f.name).c_str()), View<const float, 2>{y.data, {y.shape[0], y.shape[1]}});
        }
    };
    Sequential model{Embedding{11, 4, {.mask_zero = true}}, GRU{5}, heads()};
    model.build({6}, Seed{1});
    randomize(model);
    TwoTower towers{Sequential{Embedding{11, 4}, GRU{5}}, Sequential{Embedding{11, 4}, GRU{5}},
                    Sequential{Dense{8, relu}, heads()}};
    towers.build({{6}, {6}}, Seed{1});
    randomize(towers);
    const std::string file = onnx::graph_of(model).bytes(), both = onnx::graph_of(towers).bytes(),
                      of_head = onnx::graph_of(towers.head).bytes();
    if (!runtime()) return;
    const auto x = ids(8, 6, 11), items = ids(8, 6, 11, 4);
    support::OnnxRuntime::Session session(*runtime(), file);
    session.input("ids", x);
    compare(session, predict(model, x));
    support::OnnxRuntime::Session whole(*runtime(), both);
    whole.input("user", x).input("item", items);
    const Record expected = predict(towers, Pair{x, items});
    compare(whole, expected);
    typename decltype(towers.user)::Cache user;
    typename decltype(towers.item)::Cache item;
    const Tensor<float, 2> u(towers.user.forward(x, user)), v(towers.item.forward(items, item));
    support::OnnxRuntime::Session head_alone(*runtime(), of_head);
    head_alone.input("user", u).input("item", v);
    compare(head_alone, expected);
}

namespace {
/// A SequenceRecommender with these fields and numbers of items gives the same h.
void same_recommender(const FieldsOption& step, const FieldsOption& user) {
    Tensor<float, 2> features(11, 2);
    fill_uniform(features, 1, Seed{6});
    SequenceRecommender model{10,
                              Sequential{GRU{5, return_sequences}, Dense{6}},
                              {.width = 6,
                               .scale = 8,
                               .attributes = std::vector<std::vector<std::int32_t>>(11, {1, 2}),
                               .features = features,
                               .step = step,
                               .user = user}};
    const RecordShape event{{"event", {}}, {"gap", {1}}, {"tags", {3}}}, who{{"age", {2}}, {"country", {}}};
    model.build(7, Seed{1}, step ? event : RecordShape{}, user ? who : RecordShape{});
    randomize(model);
    const std::string file = onnx::graph_of(model).bytes();
    if (!runtime()) return;
    const auto x = ids(5, 7, 11), events = ids(5, 7, 4, 5), tags = ids(5, 21, 9, 6), countries = ids(5, 1, 5, 7);
    Tensor<std::int32_t, 3> of_events(5, 7, 3);
    std::copy_n(tags.data(), tags.size(), of_events.data());
    Tensor<std::int32_t, 1> of_users(5);
    std::copy_n(countries.data(), 5, of_users.data());
    Tensor<float, 2> ages(5, 2);
    fill_uniform(ages, 2, Seed{8});
    const auto gaps = numbers(5, 7, 1);
    const Record steps{{"event", events}, {"gap", gaps}, {"tags", of_events}};
    const Record users{{"age", ages}, {"country", of_users}};
    SequenceRecords records;
    if (step) records.step = view(steps);
    if (user) records.user = view(users);
    typename decltype(model)::Cache cache;
    support::OnnxRuntime::Session session(*runtime(), file);
    session.input("ids", x);
    if (step) session.input("step.event", events).input("step.gap", gaps).input("step.tags", of_events);
    if (user) session.input("user.age", ages).input("user.country", of_users);
    close(session.run("h"), model.forward(x, records, cache));
}
}  // namespace

TEST_CASE("ONNX: a sequence recommender with fields of events and users", "[onnx]") {
    const auto parts = [](Index event, Index gap, Index tags) {
        return Branches{field("event", Embedding{4, event, {.mask_zero = true}}), field("gap", Dense{gap, tanh}),
                        field("tags", EmbeddingBag{9, tags, {.mask_zero = true}})};
    };
    const auto known = [](Index age, Index country) {
        return Branches{field("age", Dense{age, relu}), field("country", Embedding{5, country})};
    };
    FieldList list;
    list.add("event", Embedding{4, 6});
    list.add("gap", Dense{6});
    list.add("tags", EmbeddingBag{9, 6, {.mode = BagMode::max}});
    same_recommender({}, {});
    same_recommender(parts(6, 6, 6), {});  // added up
    same_recommender(parts(1, 2, 3), {});  // side by side
    same_recommender({}, known(2, 4));
    same_recommender(list, known(6, 6));
}

TEST_CASE("ONNX: a model of a FieldList", "[onnx]") {
    FieldList list;
    list.add("item", Embedding{11, 4, {.mask_zero = true}});
    list.add("price", Dense{2, relu});
    Sequential model{list, LSTM{3}};
    model.build({{"item", {6}}, {"price", {6, 1}}}, Seed{1});
    randomize(model);
    const std::string file = onnx::graph_of(model).bytes();
    if (!runtime()) return;
    const auto items = ids(8, 6, 11);
    const auto prices = numbers(8, 6, 1);
    decltype(model)::Cache cache;
    support::OnnxRuntime::Session session(*runtime(), file);
    close(session.input("item", items).input("price", prices).run("y"),
          model.forward(Record{{"item", items}, {"price", prices}}, cache));
}

TEST_CASE("ONNX: a model file, loaded and exported, for 100 random inputs", "[onnx]") {
    using Model = SequenceRecommender<Sequential<Residual<Sequential<LSTM<float, ReturnSequences>, Dense<>>>>>;
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "model.safetensors";
    {
        FieldList events;
        events.add("event", Embedding{4, 8});
        events.add("gap", Embedding{6, 8});
        Model model{40,
                    Sequential{Residual{Sequential{LSTM{12, return_sequences}, Dense{8}}}},
                    {.width = 8, .scale = 12, .step = events, .user = field("age", Dense{8, relu})}};
        model.build(20, Seed{3}, {{"event", {}}, {"gap", {}}}, {{"age", {1}}});
        randomize(model);
        save(model, path);
    }
    const auto model = load<Model>(path);
    export_onnx(model, directory.path() / "model.onnx");
    if (!runtime()) return;
    std::ifstream in(directory.path() / "model.onnx", std::ios::binary);
    const std::string file{std::istreambuf_iterator<char>(in), {}};
    support::OnnxRuntime::Session session(*runtime(), file);
    const auto x = ids(100, 20, 41), events = ids(100, 20, 4, 5), gaps = ids(100, 20, 6, 6);
    Tensor<float, 2> ages(100, 1);
    fill_uniform(ages, 2, Seed{8});
    const Record steps{{"event", events}, {"gap", gaps}}, users{{"age", ages}};
    Model::Cache cache;
    session.input("ids", x).input("step.event", events).input("step.gap", gaps).input("user.age", ages);
    close(session.run("h"), model.forward(x, {view(steps), view(users)}, cache));
}

TEST_CASE("ONNX: what cannot be written is refused by name", "[onnx]") {
    const auto complaint = [](auto model, const Shape& in) {
        if (in.rank() > 0) model.build(in, Seed{1});
        return message_of<ArgumentError>([&] { onnx::graph_of(model); });
    };
    CHECK(complaint(Sequential{Dense{3}, mine::Secret{}}, {2}) ==
          "export_onnx: 1 (Secret): the layer has no export: write Value to_onnx(onnx::Graph&, const Secret&, const "
          "onnx::Value&) beside it");
    CHECK(complaint(Sequential{Dense{3}, mine::Newer{}}, {2}) ==
          "export_onnx: 1 (Newer): the export knows nothing of the option 'number'");
    CHECK(complaint(Sequential{Residual{Sequential{Dense{2}, LSTM<float, ReturnSequences, Gelu>{2}}}}, {4, 2}) ==
          "export_onnx: 0.inner.1 (LSTM): the activation gelu has no form in ONNX's LSTM");
    const auto with_step = [&](const FieldsOption& step) {
        SequenceRecommender next{5, Sequential{Dense{4}}, {.width = 4, .step = step}};
        next.build(3, Seed{1}, {{"price", {2}}});
        return message_of<ArgumentError>([&] { onnx::graph_of(next); });
    };
    CHECK(with_step(field("price", Sequential{Dense{2}, Dense{4}})) ==
          "export_onnx: step.price (Sequential): expected a field's layer to be Embedding, EmbeddingBag or Dense");
    CHECK(with_step(Sequential{Branches{field("price", Dense{2})}, Dense{4}}) ==
          "export_onnx: step (Fields): expected fields with a layer each, Branches of field(name, layer) alone or a "
          "FieldList");
    CHECK(complaint(Sequential{Dense{3}, Heads{head("x", Dense{1})}}, {2}) ==
          "export_onnx: an input has the name of the output 'x'");
    const std::string unbuilt = "export_onnx: the model has no shapes and parameters; build it first";
    CHECK(complaint(Sequential{Dense{3}}, {}) == unbuilt);
    CHECK(complaint(Sequential{Embedding{3, 2}}, {}) == unbuilt);
    CHECK(complaint(Sequential{MaxPool1D{2}}, {}) == unbuilt);
    const TwoTower towers{Sequential{Dense{3}}, Sequential{Dense{3}}, Sequential{Dense{1}}};
    CHECK(message_of<ArgumentError>([&] { onnx::graph_of(towers); }) == unbuilt);
    CHECK(message_of<ArgumentError>([&] { onnx::graph_of(towers.head); }) == unbuilt);
}

namespace {
/// The fields of a protobuf message: whole numbers, and the bytes of what has a length.
struct Field {
    std::uint64_t number = 0;
    std::string bytes;
};
std::multimap<unsigned, Field> parse(const std::string& message) {
    std::multimap<unsigned, Field> fields;
    std::size_t at = 0;
    const auto varint = [&] {
        std::uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            const auto byte = static_cast<unsigned char>(message.at(at++));
            value |= std::uint64_t{byte & 127u} << shift;
            if (byte < 128) return value;
        }
    };
    while (at < message.size()) {
        const std::uint64_t key = varint();
        Field f;
        if ((key & 7) == 0) f.number = varint();
        const std::size_t size = (key & 7) == 2 ? varint() : (key & 7) == 5 ? 4 : 0;
        if (size > message.size() - at) throw std::runtime_error("a length beyond the end");
        f.bytes = message.substr(at, size);
        at += size;
        fields.emplace(static_cast<unsigned>(key >> 3), f);
    }
    return fields;
}
}  // namespace

TEST_CASE("ONNX: the file is made of the messages of the format", "[onnx]") {
    Sequential model{Dense{2, relu}};
    model.build({3}, Seed{1});
    randomize(model);
    const support::TemporaryDirectory directory;
    export_onnx(model, directory.path() / "model.onnx");
    std::ifstream in(directory.path() / "model.onnx", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};

    const auto file = parse(bytes);
    CHECK(file.find(1)->second.number == 8);
    CHECK(file.find(2)->second.bytes == "deeprec");
    CHECK(parse(file.find(8)->second.bytes).find(2)->second.number == 17);
    const auto graph = parse(file.find(7)->second.bytes);
    std::string operations;
    for (auto [node, end] = graph.equal_range(1); node != end; ++node)
        operations += parse(node->second.bytes).find(4)->second.bytes + " ";
    CHECK(operations == "MatMul Add Relu Identity ");

    REQUIRE(graph.count(5) == 2);
    const auto kernel = parse(graph.find(5)->second.bytes);
    CHECK(kernel.find(8)->second.bytes == "0.kernel");
    std::vector<std::uint64_t> dims;
    for (auto [d, end] = kernel.equal_range(1); d != end; ++d) dims.push_back(d->second.number);
    CHECK(dims == std::vector<std::uint64_t>{3, 2});
    const auto& weights = model.layer<0>().parameters().kernel;
    CHECK(kernel.find(9)->second.bytes ==
          std::string(reinterpret_cast<const char*>(weights.data()), 6 * sizeof(float)));

    const auto input = parse(graph.find(11)->second.bytes);
    CHECK(input.find(1)->second.bytes == "x");
    const auto tensor = parse(parse(input.find(2)->second.bytes).find(1)->second.bytes);
    const auto shape = parse(tensor.find(2)->second.bytes);
    CHECK(parse(shape.lower_bound(1)->second.bytes).find(2)->second.bytes == "batch");
    CHECK(parse(std::next(shape.lower_bound(1))->second.bytes).find(1)->second.number == 3);
    CHECK(parse(graph.find(12)->second.bytes).find(1)->second.bytes == "y");

    TwoTower towers{
        Sequential{Branches{field("item", Embedding{11, 4, {.mask_zero = true}}), field("price", Dense{2, relu})},
                   LSTM{3}},
        Sequential{Dense{3}}, Dot{}};
    towers.build({{{"item", {6}}, {"price", {6, 1}}}, {4}}, Seed{1});
    const auto whole = parse(parse(onnx::graph_of(towers).bytes()).find(7)->second.bytes);
    std::string inputs;
    for (auto [in_tower, end] = whole.equal_range(11); in_tower != end; ++in_tower)
        inputs += parse(in_tower->second.bytes).find(1)->second.bytes + " ";
    CHECK(inputs == "user.item user.price item ");
    if (runtime()) std::printf("onnx: largest relative difference %.2g\n", worst);
}
