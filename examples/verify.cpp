// Does another machine, compiler or flag compute the same? Short trainings of a CNN, of two recurrent towers and of a
// sequence recommender, and a hash of the bits of all weights after each: run it here and there and compare the lines.
// docs/guide/04-train.md says which builds agree. Each training runs with one thread and with three, which must agree
// always.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include <deeprec/deeprec.hpp>

using namespace deeprec;

#define QUOTE(x) #x
#define TEXT_OF(x) QUOTE(x)

template <class Model>
unsigned long long hash(const Model& model) {
    std::uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
    for (const auto& parameter : parameter_list(model))
        for (Index i = 0; i < parameter.size(); ++i) {
            std::uint32_t bits = 0;
            std::memcpy(&bits, parameter.values + i, sizeof bits);
            hash = (hash ^ bits) * 0x100000001b3ull;
        }
    return hash;
}

// train(threads) gives the trained model. Prints its hash; false where the number of threads changed it.
template <class Train>
bool verify(const char* name, const Train& train) {
    const auto one = hash(train(1)), three = hash(train(3));
    std::printf("%-22s %016llx%s\n", name, one, one == three ? "" : ", but with three threads another");
    return one == three;
}

int main() {
    constexpr Index people = 300, steps = 12, features = 6, items = 40;
    const RandomStream random(Seed{1});
    Tensor<float, 3> x(people, steps, features);
    Tensor<float, 2> likes(people, 1);
    for (Index i = 0; i < x.size(); ++i)
        x.data()[i] = static_cast<float>(random.uniform(static_cast<std::uint64_t>(i))) - 0.5f;
    for (Index i = 0; i < people; ++i) likes(i, 0) = x(i, steps - 1, 0) > 0 ? 1.0f : 0.0f;
    Tensor<std::int32_t, 2> history(people, steps), item(people, 1);
    Interactions events;
    for (Index j = 1; j <= items; ++j) events.items.add(std::to_string(j));
    for (Index i = 0; i < people; ++i) {
        const auto user = events.users.add(std::to_string(i));
        item(i, 0) = static_cast<std::int32_t>(1 + (i * i + steps) % items);
        for (Index t = 0; t < steps; ++t) {
            history(i, t) = static_cast<std::int32_t>(1 + (i * i + t) % items);
            events.add(user, history(i, t));
        }
    }

    std::printf("deeprec %s, %s, compiler %s\n", version, TEXT_OF(DEEPREC_ABI), __VERSION__);
    bool good = verify("CNN", [&, data = TensorDataset{x, likes}](int threads) {
        Sequential model{Conv1D{24, 3, relu}, MaxPool1D{2}, Flatten{}, Dense{20, gelu}, Dense{1, sigmoid}};
        model.build({steps, features}, Seed{42});
        Adam optimizer{{.learning_rate = 1e-2}};
        fit(model, data, BinaryCrossEntropy{}, optimizer, {.epochs = 3, .batch_size = 70, .threads = threads});
        return model;
    });
    good &= verify("recurrent towers", [&, data = TensorDataset{Pair{history, item}, likes}](int threads) {
        TwoTower model{Sequential{Embedding{items + 1, 16, {.mask_zero = true}}, LSTM{20}},
                       Sequential{Embedding{items + 1, 16}, GRU{12}}, Sequential{Dense{16, relu}, Dense{1, sigmoid}}};
        model.build({{steps}, {1}}, Seed{42});
        AdamW optimizer{{.learning_rate = 1e-2}};
        fit(model, data, BinaryCrossEntropy{}, optimizer, {.epochs = 3, .batch_size = 70, .threads = threads});
        return model;
    });
    good &= verify("sequence recommender", [&, train = Sequences(events)](int threads) {
        SequenceRecommender model{
            items, Sequential{Dropout{0.1}, LSTM{24, return_sequences}, Dense{16}}, {.width = 16}};
        model.build(steps, Seed{42});
        Adam optimizer{{.learning_rate = 1e-2}};
        SequenceSamples samples{train, steps};
        fit(model, samples, NextItemSoftmax{}, optimizer, {.epochs = 3, .batch_size = 70, .threads = threads});
        return model;
    });
    return good ? 0 : 1;
}
