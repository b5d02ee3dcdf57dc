/// Two towers and a head that compares them.
#pragma once

#include <deeprec/core/inputs.hpp>
#include <deeprec/models/concat_head.hpp>
#include <deeprec/models/pair_head.hpp>

DEEPREC_BEGIN

/// Shapes of one sample of each tower.
struct TowerShapes {
    Shape user, item;
};

/// score = head([user(x_u); item(x_i)]), or head(user(x_u), item(x_i)) for a pair head such as `Dot{}` or
/// `Sequential{Dot{}, Dense{1, sigmoid}}`.
///
/// Shapes: users [B, ...], items [B / block * G, ...] (see Pair) -> scores [B*G, 1], candidates of a user side by side.
/// Towers end in one vector a sample, rank 2. A head over the concatenation is a Sequential that starts with Dense.
/// Parameters are named by part: "user.0.kernel", "item.2.bias", "head.1.kernel". `user`, `item` and `head` are the
/// parts themselves, layers in their own right.
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

    struct NoGlue {
        struct Cache {};
    };
    template <class H>
    struct GlueOf {
        using type = ConcatHead<H>;
    };
    template <PairHead H>
    struct GlueOf<H> {
        using type = NoGlue;
    };
    using Glue = typename GlueOf<Head>::type;

public:
    using Scalar = typename Head::Scalar;
    struct Cache {
        typename User::Cache user;
        typename Item::Cache item;
        typename Head::Cache head;
        [[no_unique_address]] typename Glue::Cache glue;
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
        return build(in, seed, [](const auto&, const Shape&) {});
    }
    /// With before(layer, shape of its input) called before each layer is sized.
    template <class Before>
    Shape build(const TowerShapes& in, Seed seed, Before&& before) {
        const Shape u = shapes_[0] =
            part("user tower", [&] { return detail::build_before(user, in.user, derive(seed, 0), before); });
        const Shape v = shapes_[1] =
            part("item tower", [&] { return detail::build_before(item, in.item, derive(seed, 1), before); });
        if (u.rank() != 1 || v.rank() != 1)
            throw ShapeError(message("TwoTower: towers must give one vector a sample, received ", u, " and ", v));
        shapes_[2] = part("head", [&] {
            if constexpr (requires { head.build(u, v, seed, before); })
                return head.build(u, v, derive(seed, 2), before);
            else if constexpr (PairHead<Head>)
                return head.build(u, v, derive(seed, 2));
            else
                return detail::build_before(head, {u[0] + v[0]}, derive(seed, 2), before);
        });
        if constexpr (!PairHead<Head>) head.template layer<0>().split_input(u[0]);
        return shapes_[2];
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

    /// The head alone on the towers' vectors (with `Logits` but for its last activation), and back to Pair{du, dv}: for
    /// callers that run the towers themselves.
    template <bool Logits, class U, class V, class Mode = Inference>
    auto forward_head(const U& u, const V& v, Index block, Cache& cache, Mode mode = {}) const {
        if constexpr (PairHead<Head>)
            return detail::forward_pair<Logits>(head, u, v, block, cache.head, mode);
        else
            return Glue::template forward<Logits>(head, u, v, block, cache.glue, cache.head, mode);
    }
    template <bool Logits, class DY>
    auto backward_head(const DY& dy, Cache& cache, Gradients& gradients) const {
        if constexpr (PairHead<Head>)
            return detail::backward_pair<Logits>(head, dy, cache.head, gradients.head);
        else
            return Glue::template backward<Logits>(head, dy, cache.glue, cache.head, gradients.head);
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

    template <class Visitor, class Self, class... Others>
    static void visit_state(Visitor& visitor, Self& self, Others&... others) {
        visitor.scope("user", [&] { detail::visit_state(visitor, self.user, others.user...); });
        visitor.scope("item", [&] { detail::visit_state(visitor, self.item, others.item...); });
        visitor.scope("head", [&] { detail::visit_state(visitor, self.head, others.head...); });
    }
    template <class Visitor, class Self>
    static void visit_options(Visitor& visitor, Self& self) {
        visitor.part("user", self.user);
        visitor.part("item", self.item);
        visitor.part("head", self.head);
    }

    User user;
    Item item;
    Head head;

private:
    template <class Build>
    static Shape part(std::string_view which, Build&& build) {
        try {
            return build();
        } catch (const ShapeError& error) {
            throw ShapeError(message(which, ", ", error.what()));
        }
    }
    template <bool Logits, class U, class I, class Mode>
    auto run(const Pair<U, I>& x, Cache& cache, Mode mode) const {
        const auto u = user.forward(x.user, cache.user, mode.for_part(0));
        const Index candidates = candidates_per_user(sample_count(x), view(x.item).extent(0), x.block);
        const auto v = item.forward(x.item, cache.item, at_candidates(mode.for_part(1), candidates, x.block));
        return forward_head<Logits>(u, v, x.block, cache, at_candidates(mode.for_part(2), candidates, 1));
    }
    template <InputGradient Want, bool Logits, class DY>
    auto run_back(const DY& dy, Cache& cache, Gradients& gradients) const {
        const auto d = backward_head<Logits>(dy, cache, gradients);
        auto dv = item.template backward<Want>(d.item, cache.item, gradients.item);
        return Pair{user.template backward<Want>(d.user, cache.user, gradients.user), dv};
    }
    template <class Mode>
    static Mode at_candidates(Mode mode, Index candidates, Index block) {
        if constexpr (Mode::training) mode.first_row = mode.first_row / block * candidates;
        return mode;
    }
    std::array<Shape, 3> shapes_;  // outputs of user, item and head
};

template <class User, class Item, class Head>
struct FinalActivationOf<TwoTower<User, Item, Head>> : FinalActivationOf<Head> {};

DEEPREC_END
