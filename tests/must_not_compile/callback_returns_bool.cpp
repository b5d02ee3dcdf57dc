// A callback that returns true to end the training would not end it.
// expect: fit: what a callback returns is not read; to end the training call e.stop()
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
    Sequential model{Dense{1, sigmoid}};
    Tensor<float, 2> x(1, 1), y(1, 1);
    Adam optimizer;
#ifdef GOOD
    const auto stop = [](const BatchEnd& e) { e.stop(); };
#else
    const auto stop = [](const BatchEnd& e) { return e.progress.sample > 0; };
#endif
    fit(model, TensorDataset{x, y}, BinaryCrossEntropy{}, optimizer, {}, stop);
}
