// A callback whose event is misspelt would never be called.
// expect: fit: this argument is no metric and takes no event
#include <deeprec/deeprec.hpp>
using namespace deeprec;

struct Mine {
#ifdef GOOD
    void on(const EpochEnd&) {}
#else
    void on_epoch_end(const EpochEnd&) {}
#endif
};

int main() {
    Sequential model{Dense{1, sigmoid}};
    Tensor<float, 2> x(1, 1), y(1, 1);
    Adam optimizer;
    fit(model, TensorDataset{x, y}, BinaryCrossEntropy{}, optimizer, {}, Mine{});
}
