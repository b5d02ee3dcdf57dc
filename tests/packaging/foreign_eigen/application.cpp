// An application's own Eigen code, without deeprec and compiled with flags of its own.
#include <unsupported/Eigen/CXX11/Tensor>

double sum_of_twos(int rows) {
    Eigen::Tensor<float, 2, Eigen::RowMajor> x(rows, 3);
    x.setConstant(2.0f);
    const Eigen::VectorXd weights = Eigen::VectorXd::Ones(rows);
    double sum = 0;
    for (Eigen::Index i = 0; i < x.size(); ++i) sum += x.data()[i];
    return sum * weights.mean();
}
