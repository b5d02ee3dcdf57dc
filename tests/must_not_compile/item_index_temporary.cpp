// An ItemIndex reads its model for as long as it lives, and a temporary one is gone at the end of the line.
// expect: deleted
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
    const Tensor<float, 2> items(20, 4);
    TwoTower model{Sequential{Dense{3}}, Sequential{Dense{3}}, Dot{}};
#ifdef GOOD
    const ItemIndex index{model, items};
#else
    const ItemIndex index{std::move(model), items};
#endif
    static_cast<void>(index);
}
