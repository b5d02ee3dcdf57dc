// A SequenceIndex reads its model for as long as it lives, and a temporary one is gone at the end of the line.
// expect: deleted
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
    SequenceRecommender model{20, Sequential{Dense{4}}, {.width = 4}};
#ifdef GOOD
    const SequenceIndex index{model};
#else
    const SequenceIndex index{std::move(model)};
#endif
    static_cast<void>(index);
}
