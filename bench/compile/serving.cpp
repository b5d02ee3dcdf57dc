// What serves: load, index, recommend.
#include <iostream>

#include <deeprec/deeprec.hpp>
using namespace deeprec;

using UserTower = Sequential<Embedding<float>, LSTM<float>>;
using ItemTower = Sequential<Embedding<float>, Conv1D<float, ReLU>, Flatten<float>>;
using Model = TwoTower<UserTower, ItemTower, Sequential<Dense<float, ReLU>, Dense<float, Sigmoid>>>;

int main(int count, char** arguments) {
    if (count < 2) return 1;
    const Model model = load<Model>(arguments[1]);
    Tensor<std::int32_t, 2> items(1000, 1), user(1, 20);
    for (Index i = 0; i < 1000; ++i) items(i, 0) = static_cast<std::int32_t>(i + 1);
    const ItemIndex index{model, items, {.first_item = 1}};
    user.setConstant(3);
    for (const auto& hit : index.recommend(user, 10)) std::cout << hit.item << ' ' << hit.score << '\n';
}
