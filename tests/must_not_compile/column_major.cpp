// Eigen's tensors are column-major by default.
// expect: deeprec: tensors are row-major; this Eigen::TensorMap is column-major
#include <deeprec/core/tensor.hpp>

#include <unsupported/Eigen/CXX11/Tensor>

int main() {
#ifdef GOOD
    const Eigen::Tensor<float, 2, Eigen::RowMajor> x(2, 3);
#else
    const Eigen::Tensor<float, 2> x(2, 3);
#endif
    return static_cast<int>(deeprec::view(x).size());
}
