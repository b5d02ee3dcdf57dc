// The first program of README.md.
#include <iostream>

#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
    Tensor<float, 3> x(2000, 50, 8);  // [people, time, features]: what they did
    Tensor<float, 2> y(2000, 1);      // 1 = likes the item; here: those whose last step was strong
    const RandomStream random(Seed{1});
    for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(random.normal(static_cast<std::uint64_t>(i)));
    for (Index i = 0; i < 2000; ++i) y(i, 0) = x(i, 49, 0) > 0 ? 1.0f : 0.0f;
    const TensorDataset data{x, y};

    Sequential model{Conv1D{64, 3, relu}, MaxPool1D{2}, Flatten{}, Dense{100, relu}, Dense{1, sigmoid}};
    model.build({50, 8}, Seed{42});
    model.summary(std::cout);

    Adam optimizer{{.learning_rate = 1e-3f}};
    fit(model, data, BinaryCrossEntropy{}, optimizer, {.epochs = 4, .batch_size = 64}, ProgressBar{});
    std::cout << "AUC " << evaluate(model, data, Auc{})["auc"] << '\n';
}
