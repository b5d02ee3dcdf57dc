// The same program's recommender. Eigen's functions are weak symbols: the linker keeps one of the two files' copies,
// and memory that one of them allocated must not be freed by the other's.
#include <cstdio>

#include <deeprec/deeprec.hpp>

double sum_of_twos(int rows);

int main() {
    using namespace deeprec;
    Tensor<float, 3> x(20, 10, 4);
    x.setConstant(0.5f);
    Sequential model{Conv1D{8, 3, relu}, Flatten{}, Dense{1, sigmoid}};
    model.build({10, 4}, Seed{42});
    const auto copy = model;
    decltype(model)::Cache cache;
    Tensor<float, 2> scores;
    for (int time = 0; time < 3; ++time) scores = copy.forward(x, cache);
    const Tensor<float, 2> kept = scores;
    scores.resize(100, 100);
    std::printf("%g %g\n", sum_of_twos(10), static_cast<double>(kept(19, 0)));
    return sum_of_twos(10) == 60 && kept(0, 0) == kept(19, 0) ? 0 : 1;
}
