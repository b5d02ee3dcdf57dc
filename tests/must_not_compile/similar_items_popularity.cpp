// Popularity does not tell one item from another: it has no similarity, and no items are similar by it.
// expect: HasSimilarity
#include <deeprec/ranking/item_knn.hpp>
#include <deeprec/ranking/popularity.hpp>
#include <deeprec/ranking/recommend.hpp>
using namespace deeprec;

int main() {
#ifdef GOOD
    const ItemKnn scorer;
#else
    const Popularity scorer;
#endif
    return static_cast<int>(similar_items(scorer, 1, 10).size());
}
