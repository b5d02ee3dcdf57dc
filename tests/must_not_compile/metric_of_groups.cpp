// A metric that wants more than predictions and targets.
// expect: fit: the update of a metric must take \(prediction, target\)
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
    Sequential model{Dense{1, sigmoid}};
    Tensor<float, 2> x(1, 1), y(1, 1);
    Adam optimizer;
#ifdef GOOD
    fit(model, TensorDataset{x, y}, BinaryCrossEntropy{}, optimizer, {}, Auc{});
#else
    fit(model, TensorDataset{x, y}, BinaryCrossEntropy{}, optimizer, {}, Gauc{});
#endif
}
