/// Two towers and a head that compares them.
#pragma once

#include <deeprec/core/inputs.hpp>
#include <deeprec/models/sequential.hpp>

DEEPREC_BEGIN

/// A head that takes both vectors itself (Dot, Cosine); any other layer gets their concatenation.
template <class H>
concept PairHead = requires { typename H::PairTag; };

/// Shapes of one sample of each tower.
struct TowerShapes {
    Shape user, item;
};

/// score = head([user(x_u); item(x_i)]), or head(user(x_u), item(x_i)) for a pair head such as `Dot{}`.
///
/// Shapes: users [B, ...], items [B*G, ...] (see Pair) -> scores [B*G, 1]. Towers end in one vector a sample, rank 2.
/// Parameters are named by part: "user.0.kernel", "item.2.bias", "head.1.kernel". `user`, `item` and `head` are the
/// parts themselves; write their weights through `for_each_parameter`.
template <class User, class Item, class Head>
class TwoTower {
    static_assert(std::is_same_v<typename User::Scalar, typename Item::Scalar>,
                  "TwoTower: the user tower and the item tower must have one scalar type");
    static_assert(std::is_same_v<typename User::Scalar, typename Head::Scalar>,
                  "TwoTower: the head must have the scalar type of the towers");
    template <class Tower>
    static constexpr int tower_rank = Tower::template output_rank<typename Tower::InputElement, any_rank>();
    static_assert(tower_rank<User> == 2 || tower_rank<User> == any_rank,
                  "TwoTower: the user tower must end in one vector a sample (Flatten, a global pooling or a last state)");
    static_assert(tower_rank<Item> == 2 || tower_rank<Item> == any_rank,
                  "TwoTower: the item tower must end in one vector a sample (Flatten, a global pooling or a last state)");

public:
    using Scalar = typename Head::Scalar;
    struct Cache {
        typename User::Cache user;
        typename Item::Cache item;
        typename Head::Cache head;
        Buffer<Scalar> joined, du, dv;
        Index group = 1, user_width = 0, item_width = 0;
    };
    struct Gradients {
        typename User::Gradients user;
        typename Item::Gradients item;
        typename Head::Gradients head;
    };

    TwoTower(User user_tower, Item item_tower, Head head_layers)
        : user(std::move(user_tower)), item(std::move(item_tower)), head(std::move(head_layers)) {}

    static constexpr std::string_view name() { return "TwoTower"; }
    /// Sizes and initialises all parts: `build({{50}, {20}}, Seed{42})`.
    Shape build(const TowerShapes& in, Seed seed) {
        const Shape u = shapes_[0] = part("user tower", [&] { return user.build(in.user, derive(seed, 0)); });
        const Shape v = shapes_[1] = part("item tower", [&] { return item.build(in.item, derive(seed, 1)); });
        if (u.rank() != 1 || v.rank() != 1)
            throw ShapeError(message("TwoTower: towers must give one vector a sample, received ", u, " and ", v));
        return shapes_[2] = part("head", [&] {
            if constexpr (PairHead<Head>)
                return head.build(u, v, derive(seed, 2));
            else
                return head.build({u[0] + v[0]}, derive(seed, 2));
        });
    }

    template <class U, class I, class Mode = Inference>
    auto forward(const Pair<U, I>& x, Cache& cache, Mode mode = {}) const {
        return run<false>(x, cache, mode);
    }
    template <class XU, class XI, class Mode = Inference>
        requires(!std::is_same_v<XI, Cache>)
    auto forward(const XU& users, const XI& items, Cache& cache, Mode mode = {}) const {
        return run<false>(Pair{view(users), view(items)}, cache, mode);
    }
    template <class U, class I, class Mode = Inference>
    auto forward_logits(const Pair<U, I>& x, Cache& cache, Mode mode = {}) const {
        return run<true>(x, cache, mode);
    }

    /// Returns Pair{dL/du, dL/di} of the towers' inputs.
    template <InputGradient Want = InputGradient::compute, class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients) const {
        return run_back<Want, false>(view(dy), cache, gradients);
    }
    template <InputGradient Want = InputGradient::compute, class DZ>
    auto backward_logits(const DZ& dz, Cache& cache, Gradients& gradients) const {
        return run_back<Want, true>(view(dz), cache, gradients);
    }

    void summary(std::ostream& out) const {
        std::vector<SummaryRow> rows;
        const auto add = [&](std::string_view prefix, const auto& tower, const Shape& output) {
            if constexpr (requires { tower.summary_rows(); }) {
                for (SummaryRow row : tower.summary_rows()) {
                    row.layer = message(prefix, row.layer);
                    rows.push_back(std::move(row));
                }
            } else {  // a single layer
                const Index n = parameter_count(tower);
                rows.push_back({message(prefix, tower.name()), output, n, n * static_cast<Index>(sizeof(Scalar))});
            }
        };
        add("user.", user, shapes_[0]);
        add("item.", item, shapes_[1]);
        add("head.", head, shapes_[2]);
        print_summary(out, rows);
    }
    Gradients zero_gradients() const { return {user.zero_gradients(), item.zero_gradients(), head.zero_gradients()}; }
    void parameters_changed() {
        user.parameters_changed();
        item.parameters_changed();
        head.parameters_changed();
    }
    template <class Visitor, class Self, class... Others>
    static void visit(Visitor& visitor, Self& self, Others&... others) {
        visitor.scope("user", [&] { User::visit(visitor, self.user, others.user...); });
        visitor.scope("item", [&] { Item::visit(visitor, self.item, others.item...); });
        visitor.scope("head", [&] { Head::visit(visitor, self.head, others.head...); });
    }

    User user;
    Item item;
    Head head;

private:
    std::array<Shape, 3> shapes_;  // outputs of user, item and head

    template <class Build>
    static Shape part(std::string_view which, Build&& build) {
        try {
            return build();
        } catch (const ShapeError& error) {
            throw ShapeError(message(which, ", ", error.what()));
        }
    }
    template <bool Logits, class U, class I, class Mode>
    View<Scalar, 2> run(const Pair<U, I>& x, Cache& cache, Mode mode) const {
        cache.group = candidates_per_sample(x);
        const auto u = user.forward(x.user, cache.user, mode.for_part(0));
        const auto v = item.forward(x.item, cache.item, with_group(mode.for_part(1), cache.group));
        const auto head_mode = with_group(mode.for_part(2), cache.group);
        cache.user_width = u.last();
        cache.item_width = v.last();
        if constexpr (PairHead<Head>) {
            return head.forward(u, v, cache.head, head_mode);
        } else {
            const auto joined = join(u, v, cache);
            if constexpr (Logits)
                return head.forward_logits(joined, cache.head, head_mode);
            else
                return head.forward(joined, cache.head, head_mode);
        }
    }
    template <InputGradient Want, bool Logits, class DY>
    auto run_back(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = [&] {
            if constexpr (PairHead<Head>)
                return head.backward(dy, cache.head, gradients.head);
            else if constexpr (Logits)
                return split(head.backward_logits(dy, cache.head, gradients.head), cache);
            else
                return split(head.backward(dy, cache.head, gradients.head), cache);
        }();
        auto dv = item.template backward<Want>(d.item, cache.item, gradients.item);
        return Pair{user.template backward<Want>(d.user, cache.user, gradients.user), dv};
    }
    template <class Mode>
    static Mode with_group(Mode mode, Index group) {
        if constexpr (Mode::training) mode.first_row *= group;
        return mode;
    }
    /// Rows [u of its user; v].
    View<const Scalar, 2> join(const View<const Scalar, 2>& u, const View<const Scalar, 2>& v, Cache& cache) const {
        const Index rows = v.extent(0), wu = u.last(), wv = v.last();
        Scalar* out = cache.joined.need(rows * (wu + wv));
        for (Index r = 0; r < rows; ++r) {
            std::copy_n(u.data() + r / cache.group * wu, wu, out + r * (wu + wv));
            std::copy_n(v.data() + r * wv, wv, out + r * (wu + wv) + wu);
        }
        return {out, {rows, wu + wv}};
    }
    /// The gradient of `join`: a user's vector collects from all of its candidates.
    Pair<View<const Scalar, 2>, View<const Scalar, 2>> split(const View<const Scalar, 2>& d, Cache& cache) const {
        const Index rows = d.extent(0), wu = cache.user_width, wv = cache.item_width, users = rows / cache.group;
        Scalar* du = cache.du.need_zeros(users * wu);
        Scalar* dv = cache.dv.need(rows * wv);
        for (Index r = 0; r < rows; ++r) {
            const Scalar* row = d.data() + r * (wu + wv);
            Scalar* sum = du + r / cache.group * wu;
            for (Index j = 0; j < wu; ++j) sum[j] += row[j];
            std::copy_n(row + wu, wv, dv + r * wv);
        }
        return {{du, {users, wu}}, {dv, {rows, wv}}};
    }
};

template <class User, class Item, class Head>
struct FinalActivationOf<TwoTower<User, Item, Head>> : FinalActivationOf<Head> {};

DEEPREC_END
