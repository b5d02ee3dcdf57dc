#include <deeprec/io/model_file.hpp>

#include <cstring>
#include <sstream>

#include "support/catch.hpp"
#include "support/files.hpp"

#include <deeprec/layers/activation.hpp>
#include <deeprec/layers/average_pool1d.hpp>
#include <deeprec/layers/batch_norm.hpp>
#include <deeprec/layers/bidirectional.hpp>
#include <deeprec/layers/conv1d.hpp>
#include <deeprec/layers/dense.hpp>
#include <deeprec/layers/dot.hpp>
#include <deeprec/layers/dropout.hpp>
#include <deeprec/layers/embedding.hpp>
#include <deeprec/layers/embedding_bag.hpp>
#include <deeprec/layers/flatten.hpp>
#include <deeprec/layers/global_pool1d.hpp>
#include <deeprec/layers/gru.hpp>
#include <deeprec/layers/layer_norm.hpp>
#include <deeprec/layers/lstm.hpp>
#include <deeprec/layers/max_pool1d.hpp>
#include <deeprec/layers/multi_head_attention.hpp>
#include <deeprec/layers/position_embedding.hpp>
#include <deeprec/layers/simple_rnn.hpp>
#include <deeprec/layers/spatial_dropout1d.hpp>
#include <deeprec/layers/zero_padding1d.hpp>
#include <deeprec/models/residual.hpp>
#include <deeprec/models/sequence_recommender.hpp>
#include <deeprec/models/transformer_block.hpp>
#include <deeprec/models/two_tower.hpp>

using namespace deeprec;
using support::message_of;

namespace {

SafetensorsReader reader(std::string bytes) {
    return {std::make_unique<std::istringstream>(std::move(bytes)), "model.safetensors"};
}
template <class Model>
std::string saved(const Model& model, const Metadata& metadata = {}) {
    std::ostringstream out;
    save(model, out, metadata);
    return out.str();
}
template <class Model>
auto loaded(std::string bytes) {
    auto file = reader(std::move(bytes));
    return load<Model>(file);
}
/// Random numbers for parameters that would start as zeros or ones.
template <class Model>
void randomize(Model& model) {
    std::uint64_t seed = 5;
    for_each_parameter(model, [&](std::string_view, auto& p) { fill_uniform(p, 1, Seed{seed++}); });
    for_each_state(model, [&](std::string_view, auto& s) {
        fill_uniform(s, 1, Seed{seed++});
        for (Index i = 0; i < s.size(); ++i) s.data()[i] = std::abs(s.data()[i]);  // variances
    });
}
template <class V>
bool same_bits(const V& a, const V& b) {
    return a.shape() == b.shape() &&
           std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(*a.data())) == 0;
}
Tensor<std::int32_t, 2> some_ids(Index rows, Index steps, std::uint64_t limit) {
    Tensor<std::int32_t, 2> ids(rows, steps);
    for (Index i = 0; i < ids.size(); ++i)
        ids.data()[i] = static_cast<std::int32_t>(RandomStream(Seed{3}).below(static_cast<std::uint64_t>(i), limit));
    return ids;
}
/// `metadata` of a file with some of its text replaced, in place.
std::string with(std::string bytes, const std::string& from, const std::string& to) {
    const std::size_t at = bytes.find(from);
    REQUIRE(at != std::string::npos);
    bytes.replace(at, from.size(), to);
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    length += to.size() - from.size();
    std::memcpy(bytes.data(), &length, 8);
    return bytes;
}

/// Every layer, every option away from its default.
template <class T>
auto every_layer() {
    Sequential model{
        Embedding<T>{20, 6, {.mask_zero = true, .out_of_range = OutOfRange::last_row}},
        LSTM<T, ReturnSequences>{5, return_sequences, {.go_backwards = true, .use_bias = false}},
        Conv1D<T, LeakyReLU>{4, 3, LeakyReLU{0.3}, {.padding = Padding::causal, .dilation_rate = 2}},
        Dropout<T>{0.25},
        LayerNorm<T>{{.epsilon = 0.01, .center = false}},
        BatchNorm<T>{{.momentum = 0.5, .scale = false, .rule = BatchNormRule::torch, .frozen_statistics = true}},
        ZeroPadding1D<T>{1, 2},
        MaxPool1D<T>{3, {.strides = 2, .padding = Padding::same}},
        Conv1D<T, Linear>{4, 2, linear, {.strides = 2, .use_bias = false}},
        AveragePool1D<T>{2, {.strides = 1}},
        Dense<T, ReLU>{7, relu, {.use_bias = false}},
        Activation<T, Softmax>{softmax},
        GlobalAveragePool1D<T, true>{},
        Flatten<T>{},
        Dense<T, Sigmoid>{3, sigmoid},
    };
    model.build({12}, Seed{1});
    randomize(model);
    return model;
}
template <class T>
void comes_back() {
    const auto model = every_layer<T>();
    const auto again = loaded<decltype(model)>(saved(model));
    const auto ids = some_ids(4, 12, 25);
    typename decltype(every_layer<T>())::Cache a, b;
    CHECK(same_bits(model.forward(ids, a), again.forward(ids, b)));
    CHECK(saved(again) == saved(model));
    const auto x = model.forward(ids, a, Training{1}), y = again.forward(ids, b, Training{1});  // dropout's rate too
    CHECK(same_bits(x, y));
}

template <class Head>
auto towers(Head head) {
    using T = typename Head::Scalar;
    TwoTower model{Sequential{Embedding<T>{30, 4}, LSTM<T>{6}},
                   Sequential{Embedding<T>{20, 4}, Conv1D<T, ReLU>{3, 2, relu}, Flatten<T>{}, Dense<T>{6}}, head};
    model.build({{5}, {4}}, Seed{1});
    randomize(model);
    return model;
}
template <class Model>
void pairs_come_back(const Model& model) {
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "model.safetensors";
    save(model, path, {{"note", "mine"}});
    const auto again = load<Model>(path);
    const auto users = some_ids(3, 5, 30), items = some_ids(6, 4, 20);
    typename Model::Cache a, b;
    CHECK(same_bits(model.forward(users, items, a), again.forward(users, items, b)));
    CHECK(SafetensorsReader(path).metadata().at("note") == "mine");
}

/// A layer with something besides parameters.
struct Counter : BasicLayer<Counter, float> {
    using Scalar = float;
    using Cache = LayerCache;
    DEEPREC_LAYER("Counter", features, Rank)
    Tensor<float, 1> seen{1};
    Shape prepare(const Shape& in) const { return in; }
    void fields(Fields<float>& f, NoParameters&) { f.state("seen", seen, 1); }
    Block<const float> run(const Block<const float>& x, Cache&, const Pass&) const { return x; }
    Block<const float> back(const Block<const float>& dy, Cache&, NoParameters&, bool) const { return dy; }
};

}  // namespace

TEST_CASE("every layer comes back from its file, bit for bit", "[io]") {
    comes_back<float>();
    comes_back<double>();
}

TEST_CASE("a bag of ids comes back", "[io]") {
    Sequential model{
        EmbeddingBag{20, 6, {.mode = BagMode::max, .mask_zero = true, .out_of_range = OutOfRange::last_row}}};
    model.build({5}, Seed{1});
    const auto again = loaded<decltype(model)>(saved(model));
    const auto ids = some_ids(4, 5, 25);
    decltype(model)::Cache a, b;
    CHECK(same_bits(model.forward(ids, a), again.forward(ids, b)));
    CHECK(saved(again) == saved(model));
}

TEST_CASE("a tower of attention comes back", "[io]") {
    Sequential model{
        Embedding{20, 4, {.mask_zero = true}},
        PositionEmbedding{6},
        MultiHeadAttention{3, 2, {.use_causal_mask = true, .use_bias = false}},
        SpatialDropout1D{0.25},
        TransformerBlock{2, 5, post_norm, {.dropout = 0.1, .use_causal_mask = true, .epsilon = 0.01}},
    };
    model.build({5}, Seed{1});
    randomize(model);
    const auto again = loaded<decltype(model)>(saved(model));
    const auto ids = some_ids(4, 5, 20);
    decltype(model)::Cache a, b;
    CHECK(same_bits(model.forward(ids, a, Training{1}), again.forward(ids, b, Training{1})));
    CHECK(saved(again) == saved(model));
    const std::string text = message_of<FormatError>(
        [&] { loaded<decltype(model)>(with(saved(model), "Dense units=5", "Dense units=500")); });
    INFO(text);
    CHECK(text.find("expected F32 [4, 500]") != std::string::npos);
}

TEST_CASE("layers around layers come back", "[io]") {
    const auto model = [] {
        Sequential parts{
            Residual{Sequential{Dense{7, relu}, Dense{3}}},
            Bidirectional{GRU{4, return_sequences, {.reset_after = false}}, {.merge_mode = MergeMode::mul}},
            Bidirectional{SimpleRNN{5}},
        };
        parts.build({6, 3}, Seed{1});
        randomize(parts);
        return parts;
    }();
    const auto again = loaded<decltype(model)>(saved(model));
    Tensor<float, 3> x(2, 6, 3);
    fill_uniform(x, 1, Seed{8});
    std::decay_t<decltype(model)>::Cache a, b;
    CHECK(same_bits(model.forward(x, a), again.forward(x, b)));
    const auto refuse = [&](const std::string& from, const std::string& to, const std::string& why) {
        const std::string text =
            message_of<FormatError>([&] { loaded<decltype(model)>(with(saved(model), from, to)); });
        INFO(text << " should contain " << why);
        CHECK(text.find(why) != std::string::npos);
    };
    refuse("merge_mode=mul", "merge_mode=max", "received max");
    refuse("GRU units=4", "GRU units=40", "tensor '1.forward.kernel': expected F32 [3, 120], received F32 [3, 12]");
    refuse("Dense units=7", "Dense units=100", "tensor '0.inner.0.kernel': expected F32 [3, 100], received F32 [3, 7]");
    refuse("model\":\"Sequential input_shape=6,3", "model\":\"Sequential input_shape=6,1000",
           "Residual: expected Sequential to keep the shape [6, 1000], received [6, 3]");
}

TEST_CASE("two towers come back, with every head", "[io]") {
    pairs_come_back(towers(Sequential{Dense{8, relu}, Dense{1, sigmoid}}));
    pairs_come_back(towers(Sequential{Dense<double, ReLU>{8, relu}, Dense<double, Sigmoid>{1, sigmoid}}));
    pairs_come_back(towers(Cosine{.temperature = 0.05f}));
    pairs_come_back(towers(Sequential{Dot{.normalize = true}, Dense{2, relu}, Dense{1, sigmoid}}));
}

TEST_CASE("what a file says", "[io]") {
    auto file = reader(saved(towers(Dot{.normalize = true}), {{"dataset", "ml-100k"}}));
    CHECK(file.metadata() ==
          Metadata{
              {"dataset", "ml-100k"},
              {"deeprec.model", "TwoTower"},
              {"deeprec.user", "Sequential input_shape=5"},
              {"deeprec.user.0", "Embedding input_dim=30 output_dim=4 mask_zero=false out_of_range=error"},
              {"deeprec.user.1",
               "LSTM units=6 return_sequences=false activation=tanh recurrent_activation=sigmoid "
               "go_backwards=false use_bias=true"},
              {"deeprec.item", "Sequential input_shape=4"},
              {"deeprec.item.0", "Embedding input_dim=20 output_dim=4 mask_zero=false out_of_range=error"},
              {"deeprec.item.1",
               "Conv1D filters=3 kernel_size=2 activation=relu strides=1 padding=valid dilation_rate=1 use_bias=true"},
              {"deeprec.item.2", "Flatten"},
              {"deeprec.item.3", "Dense units=6 activation=linear use_bias=true"},
              {"deeprec.head", "Dot normalize=true"}});
    std::vector<std::string> names;
    for (const auto& [name, entry] : file.tensors()) names.push_back(name + detail::shape_text(entry.shape));
    CHECK(names == std::vector<std::string>{"item.0.embeddings[20, 4]", "item.1.bias[3]", "item.1.kernel[2, 4, 3]",
                                            "item.3.bias[6]", "item.3.kernel[9, 6]", "user.0.embeddings[30, 4]",
                                            "user.1.bias[24]", "user.1.kernel[4, 24]",
                                            "user.1.recurrent_kernel[6, 24]"});
}

TEST_CASE("states are saved with the parameters", "[io]") {
    Sequential model{Counter{}, Dense{2}};
    model.build({3}, Seed{1});
    model.layer<0>().seen(0) = 42;
    CHECK(loaded<decltype(model)>(saved(model)).layer<0>().seen(0) == 42);
}

TEST_CASE("a file and a model that disagree", "[io]") {
    Sequential model{Dense{4, relu}, Dense{2}};
    const auto unbuilt = model;
    model.build({3}, Seed{1});
    const std::string bytes = saved(model);
    const auto complaint = [&](auto other, const std::string& file) {
        const std::string before = parameter_count(other) ? saved(other) : "";
        const std::string text = message_of<Error>([&] {
            auto stored = reader(file);
            load(other, stored);
        });
        if (!before.empty()) CHECK((saved(other) == before) == !text.empty());
        return text;
    };
    const auto built = [](auto other, Index features) {
        other.build({features}, Seed{2});
        return other;
    };
    CHECK(complaint(built(unbuilt, 3), bytes) == "");
    CHECK(complaint(unbuilt, bytes) == "load: the model has no parameters; build it first");
    CHECK(complaint(built(unbuilt, 5), bytes) ==
          "model.safetensors: tensor '0.kernel': expected F32 [5, 4], received F32 [3, 4]");
    CHECK(complaint(built(Sequential{Dense<double, ReLU>{4}, Dense<double>{2}}, 3), bytes) ==
          "model.safetensors: tensor '0.kernel': expected F64 [3, 4], received F32 [3, 4]");
    CHECK(complaint(built(Sequential{Dense{4}, Dense{2}, Dense{1}}, 3), bytes) ==
          "model.safetensors: expected a tensor '2.kernel', the file has none");
    CHECK(complaint(built(Sequential{Dense{4}, Dense{2, linear, {.use_bias = false}}}, 3), bytes) ==
          "model.safetensors: tensor '1.bias' of [2]: the model has no parameter of this name");
    CHECK(message_of<ArgumentError>([&] { saved(unbuilt); }) == "save: the model has no parameters; build it first");
    CHECK_THROWS_AS(saved(model, {{"deeprec.model", "x"}}), ArgumentError);

    using Other = Sequential<Dense<float, Tanh>, Dense<float>>;
    CHECK(message_of<FormatError>([&] { loaded<Other>(bytes); }) ==
          "model.safetensors: deeprec.0: activation: expected tanh from the model's type, received relu");
    using Deeper = Sequential<Dense<float, ReLU>, Dense<float>, Dense<float>>;
    CHECK(message_of<FormatError>([&] { loaded<Deeper>(bytes); }).find("deeprec.2: expected the options of Dense") !=
          std::string::npos);
    using Kind = Sequential<Dropout<float>, Dense<float>>;
    CHECK(message_of<FormatError>([&] { loaded<Kind>(bytes); }) ==
          "model.safetensors: deeprec.0: expected Dropout, received Dense");
}

TEST_CASE("numbers that are not finite are refused by name, unless they are wanted", "[io]") {
    Sequential model{Dense{2}};
    model.build({3}, Seed{1});
    const std::string good = saved(model);
    for_each_parameter(model, [](std::string_view, auto& p) { p.data()[1] = std::numeric_limits<float>::quiet_NaN(); });
    const std::string bytes = saved(model);
    CHECK(message_of<NumericError>([&] { loaded<decltype(model)>(bytes); }) ==
          "model.safetensors: tensor '0.kernel': number 1 is nan; expected finite numbers (LoadOptions::check_finite)");
    auto file = reader(bytes);
    CHECK(std::isnan(load<decltype(model)>(file, {.check_finite = false}).layer<0>().parameters().bias(1)));
    auto kept = loaded<decltype(model)>(good);
    auto bad = reader(bytes);
    CHECK_THROWS_AS(load(kept, bad), NumericError);
    CHECK(saved(kept) == good);
}

TEST_CASE("numbers of another type are converted on request", "[io]") {
    Sequential single{Dense{2}};
    single.build({3}, Seed{1});
    Sequential twice{Dense<double>{2}};
    twice.build({3}, Seed{2});
    auto refused = reader(saved(single)), converted = reader(saved(single));
    CHECK_THROWS_AS(load(twice, refused), FormatError);
    load(twice, converted, {.convert = Convert::yes});
    CHECK(twice.layer<0>().parameters().kernel(2, 1) ==
          static_cast<double>(single.layer<0>().parameters().kernel(2, 1)));
}

TEST_CASE("A file of another program is read by a table of names", "[io]") {
    // As PyTorch has them: Linear [out, in], Conv1d [out, in, taps], a number that nobody needs.
    const float conv[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, fc[] = {1, 2, 3, 4, 5, 6, 7, 8}, bias[] = {20, 21};
    const std::int64_t batches[] = {7};
    SafetensorsWriter writer;
    writer.add<float>("conv.weight", {2, 3, 2}, conv);
    writer.add<float>("conv.bias", {2}, bias);
    writer.add<float>("fc.weight", {2, 4}, fc);
    writer.add<float>("fc.bias", {2}, bias);
    writer.add<std::int64_t>("bn.num_batches_tracked", {}, batches);
    std::ostringstream out;
    writer.write(out);
    const std::string bytes = out.str();

    Sequential model{Conv1D{2, 2}, Flatten{}, Dense{2}};
    model.build({3, 3}, Seed{1});
    const LoadOptions options{.names = {{"0.kernel", {"conv.weight", Axes::reversed}},
                                        {"0.bias", "conv.bias"},
                                        {"2.kernel", {"fc.weight", Axes::reversed}},
                                        {"2.bias", "fc.bias"}},
                              .unread = {"num_batches_tracked"}};
    const auto attempt = [&](const LoadOptions& how) {
        const std::string before = saved(model);
        const std::string complaint = message_of<Error>([&] {
            auto file = reader(bytes);
            load(model, file, how);
        });
        CHECK((saved(model) == before) == !complaint.empty());
        return complaint;
    };
    auto refused = options;
    refused.unread.clear();
    CHECK(attempt(refused) ==
          "model.safetensors: tensor 'bn.num_batches_tracked' of []: the model has no parameter of this name");
    refused.unread = {"batches_tracked"};  // no part of a name
    CHECK(attempt(refused).find("bn.num_batches_tracked") != std::string::npos);
    refused = options;
    refused.names.at("2.kernel").axes = Axes::same;
    CHECK(attempt(refused) == "model.safetensors: tensor 'fc.weight': expected F32 [4, 2], received F32 [2, 4]");
    refused = options;
    refused.names.at("0.bias").name = "conv.bais";
    CHECK(attempt(refused) == "model.safetensors: expected a tensor 'conv.bais', the file has none");
    refused.names.at("0.bias").name = "fc.bias";
    CHECK(attempt(refused) == "load: two parameters have the tensor 'fc.bias'");
    refused = options;
    refused.names.emplace("3.kernel", "fc.weight");
    CHECK(attempt(refused) == "load: names: the model has no parameter '3.kernel' for the tensor 'fc.weight'");
    CHECK(attempt(options) == "");

    const auto& c = model.layer<0>().parameters();
    const auto& d = model.layer<2>().parameters();
    for (Index o = 0; o < 2; ++o)
        for (Index i = 0; i < 3; ++i)
            for (Index t = 0; t < 2; ++t) CHECK(c.kernel(t, i, o) == conv[(o * 3 + i) * 2 + t]);
    for (Index o = 0; o < 2; ++o)
        for (Index i = 0; i < 4; ++i) CHECK(d.kernel(i, o) == fc[o * 4 + i]);
    CHECK((c.bias(1) == 21 && d.bias(0) == 20));
}

TEST_CASE("A file that has a part of the model says what was read", "[io]") {
    Sequential pretrained{Dense{4, relu}, Dense{2}};
    pretrained.build({3}, Seed{1});
    Sequential model{Dense{4, relu}, LayerNorm{}, Dense{1}};
    model.build({3}, Seed{2});
    const std::string before = saved(model), bytes = saved(pretrained);
    auto file = reader(bytes);
    const LoadReport report =
        load(model, file, {.names = {{"2.kernel", "old.kernel"}, {"2.bias", "old.bias"}}, .partial = true});
    CHECK(report.read == std::vector<std::string>{"0.kernel", "0.bias"});
    CHECK(report.missing == std::vector<std::string>{"1.gamma", "1.beta", "2.kernel", "2.bias"});
    CHECK(report.unread == std::vector<std::string>{"1.bias", "1.kernel"});
    const auto fresh = loaded<decltype(model)>(before);
    CHECK(same_bits(view(model.layer<0>().parameters().kernel), view(pretrained.layer<0>().parameters().kernel)));
    CHECK(same_bits(view(model.layer<2>().parameters().kernel), view(fresh.layer<2>().parameters().kernel)));

    Sequential wider{Dense{5, relu}};
    wider.build({3}, Seed{1});
    CHECK(message_of<FormatError>([&] { load(wider, file, {.partial = true}); }) ==
          "model.safetensors: tensor '0.kernel': expected F32 [3, 5], received F32 [3, 4]");
    CHECK(message_of<ArgumentError>([&] { load<decltype(model)>(file, {.partial = true}); }) ==
          "load: partial: expected a model that has been built, load(model, path)");
    auto whole = reader(bytes);
    const LoadReport all = load(pretrained, whole);
    CHECK(all.read.size() == 4);
    CHECK((all.missing.empty() && all.unread.empty()));
}

TEST_CASE("Long lists of options come back from a small header", "[io]") {
    SequenceRecommenderOptions options{.width = 2, .attributes = {{}}};
    for (std::int32_t item = 1; item <= 60'000; ++item)
        options.attributes.push_back({item % 1000 + 1, item % 77 + 1000});
    for (std::int32_t item = 1; item <= 60'000; item += 2) options.cold.push_back(item);
    SequenceRecommender model{60'000, SimpleRNN{2, return_sequences}, options};
    model.build(3, Seed{1});
    const std::string bytes = saved(model);
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    CHECK(header < 2000);
    const auto again = loaded<decltype(model)>(bytes);
    CHECK(saved(again) == bytes);
    CHECK((again.is_cold(1) && !again.is_cold(2)));
}

TEST_CASE("hostile options build nothing that the file has no numbers for", "[io]") {
    const auto dense = [] {
        Sequential model{Dense{4, relu}, Dense{2}};
        model.build({3}, Seed{1});
        return model;
    }();
    const auto recurrent = [] {
        Sequential model{LSTM{4}};
        model.build({6, 3}, Seed{1});
        return model;
    }();
    const auto refuse = [](const auto& model, const std::string& from, const std::string& to, const std::string& why) {
        const std::string text =
            message_of<FormatError>([&] { loaded<decltype(model)>(with(saved(model), from, to)); });
        INFO(text << " should contain " << why);
        CHECK(text.find(why) != std::string::npos);
    };
    refuse(dense, "units=4", "units=5", "tensor '0.kernel': expected F32 [3, 5], received F32 [3, 4]");
    refuse(dense, "units=4", "units=2147483647",
           "tensor '0.kernel': expected F32 [3, 2147483647], received F32 [3, 4]");
    refuse(dense, "units=4", "units=99999999999", "0 to 2^31 - 1");
    refuse(dense, "units=4", "units=0", "Dense: expected a positive units, received 0");
    refuse(dense, "units=4", "units=-4", "0 to 2^31 - 1");
    refuse(dense, "units=4", "units=4.5", "expected a number");
    refuse(dense, "units=4", "units=", "expected a number");
    refuse(dense, "units=4", "unit=4", "expected the option units, received unit");
    refuse(dense, "units=4", "units", "expected name=value");
    refuse(dense, " use_bias=true", "", "expected the option use_bias, received fewer");
    refuse(dense, "use_bias=true", "use_bias=yes", "expected true or false");
    refuse(dense, "use_bias=true", "use_bias=true a=b", "expected no option 'a'");
    refuse(dense, "input_shape=3", "input_shape=2147483647",
           "tensor '0.kernel': expected F32 [2147483647, 4], received F32 [3, 4]");
    refuse(dense, "input_shape=3", "input_shape=1,1,1,1,1", "expected at most 4 extents");
    refuse(dense, "input_shape=3", "input_shape=", "cannot be built");
    refuse(recurrent, "units=4", "units=12", "tensor '0.kernel': expected F32 [3, 48], received F32 [3, 16]");
    refuse(recurrent, "input_shape=6,3", "input_shape=6,40",
           "tensor '0.kernel': expected F32 [40, 16], received F32 [3, 16]");
}

TEST_CASE("hostile options: what a constructor refuses is refused in a file too", "[io]") {
    const auto refuse = [](auto layer, const std::string& from, const std::string& to, const std::string& why) {
        Sequential model{layer, Conv1D{2, 1}};  // a file needs parameters
        model.build({6, 3}, Seed{1});
        const std::string text =
            message_of<FormatError>([&] { loaded<decltype(model)>(with(saved(model), from, to)); });
        CHECK(text == "model.safetensors: deeprec.0: " + why);
    };
    const Conv1D conv{4, 2, relu, {.strides = 3, .dilation_rate = 2}};
    refuse(conv, "strides=3", "strides=0", "Conv1D: expected a positive strides, received 0");
    refuse(conv, "dilation_rate=2", "dilation_rate=0", "Conv1D: expected a positive dilation_rate, received 0");
    refuse(conv, "dilation_rate=2", "dilation_rate=2147483647",
           "Conv1D: expected a window of at most 1048576 steps, received 2 taps with dilation_rate 2147483647");
    refuse(MaxPool1D{3}, "strides=3", "strides=0", "MaxPool1D: expected a positive strides, received 0");
    refuse(MaxPool1D{3}, "pool_size=3", "pool_size=0", "MaxPool1D: expected a positive pool_size, received 0");
    refuse(AveragePool1D{3}, "padding=valid", "padding=causal",
           "AveragePool1D: expected padding valid or same, received causal");
    refuse(Dropout{0.5}, "rate=0.5", "rate=5.1", "Dropout: expected a rate from 0 to 1, received 5.1");
    refuse(Dropout{0.5}, "rate=0.5", "rate=nan", "Dropout: expected a rate from 0 to 1, received nan");
    refuse(SpatialDropout1D{0.5}, "rate=0.5", "rate=-1", "SpatialDropout1D: expected a rate from 0 to 1, received -1");
    refuse(LayerNorm{}, "epsilon=0.001", "epsilon=0", "LayerNorm: expected a positive epsilon, received 0");
    refuse(BatchNorm{}, "epsilon=0.001", "epsilon=-7", "BatchNorm: expected a positive epsilon, received -7");
    refuse(BatchNorm{}, "momentum=0.99", "momentum=2", "BatchNorm: expected momentum in [0, 1], received 2");
    refuse(Bidirectional{GRU{4, return_sequences}}, "go_backwards=false", "go_backwards=true",
           "Bidirectional: expected a layer that reads forwards, received GRU with go_backwards");
}
