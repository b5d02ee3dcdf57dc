// A layer needs a way back.
// expect: deeprec: a layer needs a public `Block<const Scalar> back\(
#include <deeprec/deeprec.hpp>
using namespace deeprec;

struct Twice : BasicLayer<Twice, float> {
    using Scalar = float;
    struct Cache : LayerCache {
        Buffer<float> y, dx;
    };
    DEEPREC_LAYER("Twice", features, Rank)
    Shape prepare(const Shape& in) const { return in; }
    Block<const float> run(const Block<const float>& x, Cache& cache, const Pass&) const {
        float* y = cache.y.need(x.size());
        for (Index i = 0; i < x.size(); ++i) y[i] = 2 * x.data[i];
        return {y, x.shape, x.mask};
    }
#ifdef GOOD
    Block<const float> back(const Block<const float>& dy, Cache& cache, NoParameters&, bool) const {
        float* dx = cache.dx.need(dy.size());
        for (Index i = 0; i < dy.size(); ++i) dx[i] = 2 * dy.data[i];
        return {dx, dy.shape};
    }
#endif
};

int main() {
    Sequential model{Twice{}, Dense{1, sigmoid}};
    model.build({4}, Seed{1});
}
