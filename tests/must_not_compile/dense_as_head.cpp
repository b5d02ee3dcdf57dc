// The head over the concatenation is a Sequential.
// expect: TwoTower: the head must be Dot, Cosine or a Sequential that starts with one of them or with Dense
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
    Sequential user{Dense{4}}, item{Dense{4}};
#ifdef GOOD
    TwoTower model{user, item, Sequential{Dense{1, sigmoid}}};
#else
    TwoTower model{user, item, Dense{1, sigmoid}};
#endif
    model.build({{3}, {3}}, Seed{1});
}
