// The tower of a SequenceRecommender gives an output for every step.
// expect: SequenceRecommender: the tower must give an output for every step, rank 3: recurrent layers need
// return_sequences
#include <deeprec/deeprec.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    SequenceRecommender model{10, Sequential{GRU{8, return_sequences}}, {.width = 8}};
#else
    SequenceRecommender model{10, Sequential{GRU{8}}, {.width = 8}};
#endif
    model.build(5, Seed{1});
}
