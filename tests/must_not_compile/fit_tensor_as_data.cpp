// fit takes a data source, not a tensor.
// expect: fit: the data must have size\(\) and batch\(indices\); wrap tensors in a TensorDataset
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
    Sequential model{Dense{1, sigmoid}};
    Tensor<float, 2> x(1, 1), y(1, 1);
    Adam optimizer;
#ifdef GOOD
    fit(model, TensorDataset{x, y}, BinaryCrossEntropy{}, optimizer, {});
#else
    fit(model, x, BinaryCrossEntropy{}, optimizer, {});
#endif
}
