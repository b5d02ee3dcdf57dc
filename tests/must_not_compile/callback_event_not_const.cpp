// An event that is taken without const would be passed over, beside one that is taken rightly.
// expect: fit: a callback takes its event as `const EpochEnd&`
#include <deeprec/deeprec.hpp>
using namespace deeprec;

struct Mine {
    void on(const TrainBegin&) {}
#ifdef GOOD
    void on(const EpochEnd&) {}
#else
    void on(EpochEnd&) {}
#endif
};

int main() {
    Sequential model{Dense{1, sigmoid}};
    Tensor<float, 2> x(1, 1), y(1, 1);
    Adam optimizer;
    fit(model, TensorDataset{x, y}, BinaryCrossEntropy{}, optimizer, {}, Mine{});
}
